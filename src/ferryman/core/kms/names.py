"""How requests name keys: by id, alias, or the ARN of either."""

import uuid

from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.kms import ALIAS_PREFIX

_KEY_PREFIX = "key/"
_SHOWN = 200


def stored_name(service: Service, given: str) -> str | None:
    """Return the id or alias that a request's KeyId names; None if it can name no key of this account and region."""
    name = given
    if given.startswith("arn:"):
        prefix = service.arns.kms_alias("")
        if not given.startswith(prefix):
            return None
        name = given.removeprefix(prefix)
        if name.startswith(_KEY_PREFIX):
            name = name.removeprefix(_KEY_PREFIX)
        elif not name.startswith(ALIAS_PREFIX):
            return None
    if name.startswith(ALIAS_PREFIX):
        return name
    return name if _is_key_id(name) else None


def alias_in(given: str) -> str:
    """Return the alias that a request's KeyId is, or is the ARN of; "" if it is not one."""
    name = given.rpartition(":")[2]
    return name if name.startswith(ALIAS_PREFIX) else ""


def shown_arn(service: Service, given: str) -> str:
    """Return the ARN that a refusal names: no more than the caller said."""
    if given.startswith("arn:"):
        return given
    return service.arns.kms_alias(given) if given.startswith(ALIAS_PREFIX) else service.arns.kms_key(given)


def no_such_key(service: Service, given: str) -> ServiceError:
    """Return the error for a KeyId that names no key."""
    if stored_name(service, given) is None:
        return ServiceError("NotFoundException", f"Invalid keyId '{given[:_SHOWN]}'")
    if alias_in(given):
        return ServiceError("NotFoundException", f"Alias {shown_arn(service, given)} is not found.")
    return ServiceError("NotFoundException", f"Key '{shown_arn(service, given)}' does not exist")


def _is_key_id(text: str) -> bool:
    """Whether a text is a UUID as keys' ids are written."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
