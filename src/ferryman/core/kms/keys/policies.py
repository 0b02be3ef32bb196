"""Key policies: reading and replacing them, and the check that they lock nobody out."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from ferryman.core.iam.trust import principal_ids
from ferryman.core.kms.access import KeyUse, decide_by_policy, find_key
from ferryman.core.kms.keys.changes import change_key
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Caller
from ferryman.model.kms import FoundKey
from ferryman.policy.documents import PolicyKind
from ferryman.policy.errors import MalformedPolicyDocument, PolicyTooLarge
from ferryman.policy.parsing import cached_policy

POLICY_NAME = "default"
"""The only policy that a key has."""


async def get_key_policy(service: Service, caller: Caller, key: str, name: str | None) -> str:
    """GetKeyPolicy. Raises AccessDeniedException, NotFoundException."""
    found = await find_key(service, caller, KeyUse("kms:GetKeyPolicy", key))
    _require_default(name)
    return found.key.policy


async def list_key_policies(service: Service, caller: Caller, key: str) -> tuple[str, ...]:
    """ListKeyPolicies: always `default`. Raises AccessDeniedException, NotFoundException."""
    await find_key(service, caller, KeyUse("kms:ListKeyPolicies", key))
    return (POLICY_NAME,)


async def put_key_policy(
    service: Service, caller: Caller, key: str, name: str | None, text: str, *, bypass: bool = False
) -> None:
    """PutKeyPolicy. It is refused if the caller could not replace it again, unless `bypass` leaves out that check.

    Raises AccessDeniedException, NotFoundException, MalformedPolicyDocumentException, LimitExceededException.
    """
    keys = {"kms:BypassPolicyLockoutSafetyCheck": bypass}
    use = KeyUse("kms:PutKeyPolicy", key, keys=keys)
    found = await find_key(service, caller, use)
    _require_default(name)
    ids = await checked_policy(service, caller, found, text, bypass=bypass)
    await change_key(service, caller, use, found, lambda now: replace(now, policy=text, principal_ids=ids))


async def checked_policy(
    service: Service, caller: Caller, found: FoundKey, text: str, *, bypass: bool
) -> Mapping[str, str]:
    """Return the ids of the users and roles that a new policy of a key names; raises as `put_key_policy`."""
    try:
        policy = await asyncio.to_thread(cached_policy, text, PolicyKind.KEY)
        ids = await principal_ids(service, policy)
    except MalformedPolicyDocument as error:
        raise ServiceError("MalformedPolicyDocumentException", error.message) from error
    except PolicyTooLarge as error:
        raise ServiceError("LimitExceededException", error.message) from error
    if not bypass:
        use = KeyUse("kms:PutKeyPolicy", found.key.key_id, keys={"kms:BypassPolicyLockoutSafetyCheck": False})
        if not decide_by_policy(service, caller, use, found, text, ids).allowed:
            message = "The new key policy will not allow you to update the key policy in the future."
            raise ServiceError("MalformedPolicyDocumentException", message)
    return ids


def _require_default(name: str | None) -> None:
    if name not in (None, POLICY_NAME):
        raise ServiceError("NotFoundException", f"No such policy exists: a key's policy is named {POLICY_NAME}.")
