"""Who may use a key: its key policy, the caller's policies, and grants; for sessions' keys, also whose session it is.

As on AWS, a key policy that names the account lets the account's own policies decide; one that names the caller is
enough by itself; identity policies alone are not. An explicit deny anywhere wins. Nodes may only decrypt, and only what
was encrypted for their own running sessions.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from ferryman.core.authorization.decisions import denied, within_reach
from ferryman.core.authorization.request_context import NO_KEYS, Keys, context_of, policy_set, requester_of
from ferryman.core.iam.trust import is_someone_else
from ferryman.core.kms.encryption.ciphertexts import EncryptionContext
from ferryman.core.kms.names import alias_in, no_such_key, shown_arn, stored_name
from ferryman.core.kms.session_rules import is_about_session, is_own_session
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Caller, CallerKind
from ferryman.model.kms import FoundKey, KeyGrant, KeyState
from ferryman.policy.documents import PolicyKind
from ferryman.policy.evaluation import Decision, Layer, NamedPolicy, Request, Verdict, evaluate
from ferryman.policy.parsing import cached_policy
from ferryman.policy.principals import Requester

KEY_POLICY = "the key policy"
LARGE_POLICY = 6 * 1024
"""Characters from which on parsing a key policy takes milliseconds."""
_IMPLICITLY_DENIED = Decision(Verdict.IMPLICIT_DENY, Layer.IDENTITY)


@dataclass(frozen=True, slots=True)
class KeyUse:
    """The use of a key that a call asks for.

    `key` is its KeyId member. `keys` are condition keys of the request beside those of every call on a key. `granted`
    is the operation's name in grants, "" if grants cannot allow it. `generation` is that of the material; None for the
    newest. `retired` is the grant that the call would retire, the only one that can allow it.
    """

    action: str
    key: str
    context: EncryptionContext = field(default_factory=dict)
    keys: Keys = field(default_factory=dict)
    granted: str = ""
    generation: int | None = None
    retired: KeyGrant | None = None


def default_policy(account_id: str) -> str:
    """Return the policy of keys that are created without one: the account's own policies decide."""
    statement = {
        "Sid": "Enable IAM User Permissions",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account_id}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    return json.dumps({"Version": "2012-10-17", "Id": "key-default-1", "Statement": [statement]}, indent=2)


async def find_key(service: Service, caller: Caller, use: KeyUse) -> FoundKey:
    """Return the key that a call names, if the caller may use it so.

    Raises AccessDeniedException, in the same words whether the key exists or not unless the caller's own policies allow
    the call; NotFoundException.
    """
    return (await find_key_and_grant(service, caller, use))[0]


async def find_key_and_grant(service: Service, caller: Caller, use: KeyUse) -> tuple[FoundKey, KeyGrant | None]:
    """Do as `find_key`, and also return the grant that allowed the call, None if policies did."""
    name = stored_name(service, use.key)
    found = None if name is None else await service.store.kms_keys.find(name, use.generation)
    if found is not None and len(found.key.policy) > LARGE_POLICY:
        await asyncio.to_thread(cached_policy, found.key.policy, PolicyKind.KEY)  # mostly it is cached
    decision, grant = await _decide(service, caller, use, found)
    if not decision.allowed:
        raise denied(caller, use.action, shown_arn(service, use.key), decision)
    if found is None:
        raise no_such_key(service, use.key)
    if is_about_session(use.context) and not await is_own_session(service, caller, use.context):
        raise _of_another_session(caller, use.action, shown_arn(service, use.key))
    return found, grant


async def _decide(
    service: Service, caller: Caller, use: KeyUse, found: FoundKey | None
) -> tuple[Decision, KeyGrant | None]:
    if caller.kind is CallerKind.NODE:
        return await _decide_for_node(service, caller, use, found), None
    if not within_reach(caller, use.action):
        return _IMPLICITLY_DENIED, None
    if found is None:
        return _evaluate(service, caller, use, None, _default(service)), None
    decision = decide_by_policy(service, caller, use, found, found.key.policy, found.key.principal_ids)
    if decision.verdict is Verdict.IMPLICIT_DENY and use.granted:
        names = {caller.arn, caller.role_arn}
        retired = [use.retired] if use.retired and use.retired.key_id == found.key.key_id else []
        grants = retired if use.retired else await service.store.kms_grants.to(found.key.key_id, names)
        allowing = {_allowed_principal(grant, caller, use): grant for grant in reversed(grants)}
        for principal, grant in allowing.items():  # the user or role, and the session: each is decided once
            if principal:
                by_grant = _evaluate(service, caller, use, found, _as_policy(principal, use.action))
                if by_grant.allowed:
                    return by_grant, grant
    if decision.allowed:
        return decision, None
    own = _evaluate(service, caller, use, found, _default(service))
    return (decision if own.allowed else own), None


def decide_by_policy(
    service: Service, caller: Caller, use: KeyUse, found: FoundKey | None, policy: str, ids: Mapping[str, str]
) -> Decision:
    """Return the decision of a key policy and the caller's own policies.

    A policy does not apply to someone who got a name that belonged to somebody else when it was written.
    """
    named = NamedPolicy(KEY_POLICY, cached_policy(policy, PolicyKind.KEY))
    decision = _evaluate(service, caller, use, found, named)
    if decision.allowed and is_someone_else(ids, caller):
        return _evaluate(service, caller, use, found, named, Requester(account_id=caller.account_id))
    return decision


async def _decide_for_node(service: Service, caller: Caller, use: KeyUse, found: FoundKey | None) -> Decision:
    own = use.action == "kms:Decrypt" and await is_own_session(service, caller, use.context)
    if found is None or not own:
        return _IMPLICITLY_DENIED
    named = NamedPolicy(KEY_POLICY, cached_policy(found.key.policy, PolicyKind.KEY))
    decision = _evaluate(service, caller, use, found, named)
    if decision.verdict is Verdict.EXPLICIT_DENY:
        return decision
    return Decision(Verdict.ALLOWED, Layer.RESOURCE)


def _evaluate(
    service: Service,
    caller: Caller,
    use: KeyUse,
    found: FoundKey | None,
    policy: NamedPolicy,
    requester: Requester | None = None,
) -> Decision:
    resource = shown_arn(service, use.key) if found is None else service.arns.kms_key(found.key.key_id)
    context = context_of(service, caller, condition_keys(caller, use, found))
    asked = Request(use.action, resource, context, requester or requester_of(caller))
    return evaluate(policy_set(caller, policy), asked)


def condition_keys(caller: Caller, use: KeyUse, found: FoundKey | None) -> Keys:
    """Return the condition keys of a call on a key."""
    keys = {
        **use.keys,
        "kms:CallerAccount": caller.account_id,
        **{f"kms:EncryptionContext:{name}": value for name, value in use.context.items()},
        **(key_keys(found) if found is not None else NO_KEYS),
    }
    if use.context:
        keys["kms:EncryptionContextKeys"] = tuple(use.context)
    if alias := alias_in(use.key):
        keys["kms:RequestAlias"] = alias
    return keys


def key_keys(found: FoundKey) -> Keys:
    """Return the condition keys of a key itself."""
    keys = {**SYMMETRIC, **{f"aws:ResourceTag/{key}": value for key, value in found.tags.items()}}
    return {**keys, "kms:ResourceAliases": found.aliases} if found.aliases else keys


SYMMETRIC: Keys = {
    "kms:KeySpec": "SYMMETRIC_DEFAULT",
    "kms:KeyUsage": "ENCRYPT_DECRYPT",
    "kms:KeyOrigin": "AWS_KMS",
    "kms:MultiRegion": False,
}
"""Condition keys of every key."""


def _allowed_principal(grant: KeyGrant, caller: Caller, use: KeyUse) -> str:
    """Return the name by which a grant allows the caller the call; "" if it does not."""
    identity = caller.user_id.partition(":")[0] if caller.kind is CallerKind.ROLE else caller.user_id
    names = (caller.arn, caller.role_arn)
    if use.retired is not None and grant.retiring in names and grant.retiring_id == identity:
        return grant.retiring
    if use.granted not in grant.operations or grant.grantee not in names or grant.grantee_id != identity:
        return ""
    if use.granted not in _WITH_CONTEXT:
        return grant.grantee
    equal = grant.equals is None or dict(grant.equals) == dict(use.context)
    within = grant.subset is None or grant.subset.items() <= use.context.items()
    return grant.grantee if equal and within else ""


_WITH_CONTEXT = frozenset(
    {
        "Decrypt",
        "Encrypt",
        "GenerateDataKey",
        "GenerateDataKeyWithoutPlaintext",
        "ReEncryptFrom",
        "ReEncryptTo",
    }
)
"""Operations with an encryption context, to which the constraints of grants apply."""


def _as_policy(principal: str, action: str) -> NamedPolicy:
    """Return a grant as the key policy that it stands for, so that boundaries and session policies apply as to one."""
    statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": action, "Resource": "*"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return NamedPolicy("a grant", cached_policy(text, PolicyKind.KEY))


def _default(service: Service) -> NamedPolicy:
    return NamedPolicy(KEY_POLICY, cached_policy(default_policy(service.settings.account_id), PolicyKind.KEY))


def require_enabled(service: Service, found: FoundKey) -> None:
    """Raise DisabledException or KMSInvalidStateException unless the key can be used."""
    if found.key.state is KeyState.DISABLED:
        raise ServiceError("DisabledException", f"{service.arns.kms_key(found.key.key_id)} is disabled.")
    require_kept(service, found)


def require_kept(service: Service, found: FoundKey) -> None:
    """Raise KMSInvalidStateException if the key waits for its deletion."""
    if found.key.state is KeyState.PENDING_DELETION:
        arn = service.arns.kms_key(found.key.key_id)
        raise ServiceError("KMSInvalidStateException", f"{arn} is pending deletion.")


def _of_another_session(caller: Caller, action: str, resource: str) -> ServiceError:
    return ServiceError(
        "AccessDeniedException",
        f"User: {caller.arn} is not authorized to perform: {action} on resource: {resource} because the encryption "
        "context is not that of a running session of the caller",
    )
