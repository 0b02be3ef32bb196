"""Audit records of changes of KMS keys that no call makes: deletion after the waiting time, automatic rotation."""

from ferryman.core.audit.records import event
from ferryman.core.service import Service

KEY_CHANGE = "KMS Key State-change Notification"


def key_changed(service: Service, key_id: str, status: str) -> None:
    """Record that a key was Deleted or Rotated."""
    arn = service.arns.kms_key(key_id)
    service.trail.note(event(service, KEY_CHANGE, [arn], {"keyId": key_id, "status": status}))
