"""GetSessionToken: a user's own temporary credentials."""

from ferryman.core.identity.credentials import TemporaryCredentials
from ferryman.core.identity.temporary_credentials import issue_temporary
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis
from ferryman.model.identity.callers import Caller, CallerKind
from ferryman.model.identity.credential_sessions import SessionKind, TemporarySession

DEFAULT_DURATION = 43_200
"""Seconds."""


def get_session_token(
    service: Service, caller: Caller, duration: int | None = None, minimum_token_size: int = 0
) -> TemporaryCredentials:
    """GetSessionToken: credentials of the user itself for `duration` seconds, 900 to 129,600 by the model.

    `minimum_token_size` is in bytes, as for `issue_temporary`. As on AWS, no policy is evaluated: they can do what the
    user can, but call neither IAM nor most of STS. They become invalid with the key that signed. Raises
    AccessDeniedException for all but users that sign with their own keys.
    """
    if caller.kind is not CallerKind.USER or caller.session is not None:
        raise ServiceError("AccessDeniedException", "Cannot call GetSessionToken with session credentials")
    now = service.clock()
    return issue_temporary(
        service,
        TemporarySession(
            SessionKind.USER,
            caller.user_id,
            now,
            Millis(now + (duration or DEFAULT_DURATION) * 1000),
            access_key_id=caller.access_key_id,
        ),
        minimum_token_size,
    )
