"""Why a signature is refused, as the answer the caller gets."""

from ferryman.model.errors import ServiceError


class SignatureError(ServiceError):
    """A call without a signature, or with an incomplete or wrong one. `awsapi` gives each protocol its own spelling."""


class MissingAuthenticationToken(SignatureError):
    """The request carries no signature at all."""

    def __init__(self) -> None:
        super().__init__("MissingAuthenticationTokenException", "Missing Authentication Token")


class IncompleteSignature(SignatureError):
    """The signature's form is wrong: a part is missing, doubled or unreadable."""

    def __init__(self, message: str) -> None:
        super().__init__("IncompleteSignatureException", message)


class InvalidSignature(SignatureError):
    """The signature is well formed but wrong: another key, request, scope or time."""

    def __init__(self, message: str) -> None:
        super().__init__("InvalidSignatureException", message)


class SignatureMismatch(InvalidSignature):
    """The signature belongs to another key or to another request."""

    def __init__(self) -> None:
        super().__init__(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
            "Access Key and signing method. Consult the service documentation for details."
        )
