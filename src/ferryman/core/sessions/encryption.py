"""Refuses to encrypt sessions end to end if the server must see what they show."""

from ferryman.core.sessions.document import ChosenDocument
from ferryman.model.errors import ServiceError


def check_encryption(document: ChosenDocument) -> None:
    """Raise ValidationException for an encrypted session that the server would have to show or log."""
    if not document.kms_key_id:
        return
    if document.required_observers:
        wanted, advice = "observed", "Remove kmsKeyId or requiredObservers"
    elif document.resolved.outputs is not None:
        wanted, advice = "logged", "Remove kmsKeyId, or s3BucketName and cloudWatchLogGroupName"
    else:
        return
    message = f"{encrypted(document.name)}, and must be {wanted}, which the server cannot do then. {advice}."
    raise ServiceError("ValidationException", message)


def encrypted(document_name: str) -> str:
    """Return the beginning of an error: that this document's sessions are encrypted."""
    return f"Sessions of {document_name} are encrypted end to end"
