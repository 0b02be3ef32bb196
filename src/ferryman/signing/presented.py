"""Reading the signature that a request presents, in its Authorization header or in its query."""

from dataclasses import dataclass

from ferryman.model.secret import Secret
from ferryman.signing.canonical import Scope, SignableRequest


@dataclass(frozen=True, slots=True)
class PresentedSignature:
    """A signature as presented, its form checked, nothing of it verified.

    `signed_headers` are lower-case, sorted, each once; `host`, the date and every X-Amz header are known to be among
    them. `signed_at` is `yyyymmddThhmmssZ`. `expires` is the lifetime of a presigned request in seconds, None for a
    signature in the header. `session_token` is that of temporary credentials, from header or query.
    """

    access_key_id: str
    scope: Scope
    signed_headers: tuple[str, ...]
    signature: str
    signed_at: str
    session_token: Secret | None = None
    expires: int | None = None


def parse(request: SignableRequest) -> PresentedSignature:
    """Return the signature that `request` presents.

    Raises `MissingAuthenticationToken` when there is none, `IncompleteSignature` when its form is wrong and
    `InvalidSignature` when it leaves out what must be signed or covers a header that is repeated.
    """
    raise NotImplementedError
