"""Grant tokens. A grant takes effect immediately here, so a token only proves that its grant was made here."""

import base64
import binascii

from ferryman.core.service import Service
from ferryman.core.vault import Unsealable
from ferryman.model.errors import ServiceError

_PURPOSE = "kms-grant-token"


def token_of(service: Service, grant_id: str) -> str:
    """Return a new token of a grant."""
    return base64.b64encode(service.vault.seal(_PURPOSE, grant_id.encode())).decode()


def grant_of_token(service: Service, token: str) -> str:
    """Return the id of a token's grant. Raises InvalidGrantTokenException."""
    try:
        return service.vault.open(_PURPOSE, base64.b64decode(token.encode(), validate=True)).decode()
    except (binascii.Error, UnicodeError, Unsealable) as error:
        raise ServiceError("InvalidGrantTokenException", "A grant token is not valid.") from error


def check_tokens(service: Service, tokens: tuple[str, ...]) -> None:
    """Raise InvalidGrantTokenException if a token is not one of this server's."""
    for token in tokens:
        grant_of_token(service, token)
