"""Callers: the user, session or node behind an access key id, with the policies that apply to it now.

Identities and their policies are read at every call, also those of temporary credentials.
"""

from collections.abc import Mapping
from dataclasses import replace

from ferryman.core.authorization.request_context import identity_policies, managed_text, policy_documents
from ferryman.core.identity.access_request_credentials import granted_policy
from ferryman.core.identity.credentials import Authenticated, RefusedCredentials
from ferryman.core.identity.node_credentials import authenticate_node
from ferryman.core.identity.temporary_credentials import expired, is_temporary, open_temporary, unrecognized
from ferryman.core.service import Service
from ferryman.core.vault import KEY_PURPOSE
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Caller, CallerKind
from ferryman.model.identity.credential_sessions import SessionKind, TemporarySession
from ferryman.model.identity.policies import PolicyDocument
from ferryman.model.identity.roles import IamRole
from ferryman.model.identity.users import User
from ferryman.model.tags import ResourceType
from ferryman.model.values.secret import Secret
from ferryman.policy.context import fold

ROLE_ID_PREFIX = "AROA"


async def authenticate(service: Service, access_key_id: str, session_token: str | None) -> Authenticated:
    """Return the caller of this key and its secret, to verify the signature with.

    A user's own key comes without a session token, all others with one. Raises UnrecognizedClientException (unknown,
    disabled, foreign or altered), ExpiredTokenException; as `RefusedCredentials` if it is still known whose they were.
    """
    if session_token is None:
        holder = await service.store.identities.key_holder(access_key_id)
        if holder is None:
            raise unrecognized()
        secret = service.vault.open(KEY_PURPOSE, holder.key.sealed_secret, access_key_id.encode())
        policies = policy_documents(holder.policies)
        caller = await _user_caller(service, holder.user, policies, holder.tags)
        known = Authenticated(replace(caller, access_key_id=access_key_id), Secret(secret.decode()))
        if not holder.key.active:
            raise RefusedCredentials(unrecognized(), known)
        return known
    if not is_temporary(session_token):
        return await authenticate_node(service, access_key_id, session_token)
    opened, session = open_temporary(service, access_key_id, session_token)
    try:
        if service.clock() >= session.expires_at:
            raise expired()
        caller = await session_caller(service, session)
    except ServiceError as error:
        former = await _identity_of(service, session)
        if former is None:
            raise
        former = replace(former, access_key_id=access_key_id, session=session)
        raise RefusedCredentials(error, Authenticated(former, opened)) from error
    return Authenticated(replace(caller, access_key_id=access_key_id), opened)


async def current_caller(service: Service, access_key_id: str, session: TemporarySession | None) -> Caller:
    """Return a caller that was authenticated before with its current policies, if its key is still valid.

    `session` is that of temporary credentials, None for a user's own key. Raises UnrecognizedClientException,
    ExpiredTokenException.
    """
    if session is not None:
        if service.clock() >= session.expires_at:
            raise expired()
        return replace(await session_caller(service, session), access_key_id=access_key_id)
    holder = await service.store.identities.key_holder(access_key_id)
    if holder is None or not holder.key.active:
        raise unrecognized()
    caller = await _user_caller(service, holder.user, policy_documents(holder.policies), holder.tags)
    return replace(caller, access_key_id=access_key_id)


async def caller_of(service: Service, user: User) -> Caller:
    """Return a user as a caller, with the policies that apply to it now."""
    policies = await identity_policies(service, user.user_id)
    tags = (await service.store.tags.of(ResourceType.USER, [user.user_id])).get(user.user_id, {})
    return await _user_caller(service, user, policies, tags)


async def _user_caller(
    service: Service, user: User, policies: tuple[PolicyDocument, ...], tags: Mapping[str, str]
) -> Caller:
    account_id = service.settings.account_id
    return Caller(
        CallerKind.USER,
        account_id,
        service.arns.user(user.name, user.path),
        user.user_id,
        user.name,
        policies=policies,
        tags=tags,
        boundary=await boundary_policy(service, user.boundary_arn),
    )


async def session_caller(service: Service, session: TemporarySession) -> Caller:
    """Return the caller of temporary credentials.

    Raises UnrecognizedClientException if the identity no longer exists, or if the user's key that they were issued with
    was deleted or disabled.
    """
    if session.access_key_id and not session.identity_id.startswith(ROLE_ID_PREFIX):
        key = await service.store.identities.get_key(session.access_key_id)
        if key is None or not key.active or key.user_id != session.identity_id:
            raise unrecognized()
    identity = await _identity_of(service, session)
    if identity is None:
        raise unrecognized()
    return await _in_session(service, identity, session)


async def _identity_of(service: Service, session: TemporarySession) -> Caller | None:
    """Return the user or role session of temporary credentials; None if the identity no longer exists."""
    if session.identity_id.startswith(ROLE_ID_PREFIX):
        role = await service.store.roles.get(session.identity_id)
        return None if role is None else await role_caller(service, role, session.name)
    user = await service.store.identities.get_user(session.identity_id)
    return None if user is None else await caller_of(service, user)


async def role_caller(service: Service, role: IamRole, session_name: str) -> Caller:
    """Return a role session as a caller, with the policies that apply to the role now."""
    account_id = service.settings.account_id
    return Caller(
        CallerKind.ROLE,
        account_id,
        service.arns.role_session(role.name, session_name),
        f"{role.role_id}:{session_name}",
        session_name,
        policies=await identity_policies(service, role.role_id),
        tags=(await service.store.tags.of(ResourceType.ROLE, [role.role_id])).get(role.role_id, {}),
        boundary=await boundary_policy(service, role.boundary_arn),
        role_arn=service.arns.role(role.name, role.path),
    )


async def boundary_policy(service: Service, arn: str) -> PolicyDocument | None:
    """Return the permissions boundary with that ARN, None for ""; one that no longer exists allows nothing."""
    if not arn:
        return None
    return PolicyDocument(arn, await managed_text(service, arn) or _NOTHING_ALLOWED)


_NOTHING_ALLOWED = '{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}'


async def _in_session(service: Service, caller: Caller, session: TemporarySession) -> Caller:
    """Return an identity's caller within a session of it: session tags override the identity's, session policies apply.

    What an access request was approved for needs no policy of the identity, but neither the identity's policies nor
    those of the session that requested it may deny it.
    """
    policies = caller.policies
    given = await _session_policies(service, session)
    if session.kind is SessionKind.ACCESS_REQUEST:
        granted = await granted_policy(service, session)
        policies = (*policies, *(given or ()), granted)
        given = (granted,)
    tags = _overlaid(caller.tags, session.tags)
    return replace(caller, policies=policies, session_policies=given, session=session, tags=tags)


def _overlaid(of_identity: Mapping[str, str], of_session: Mapping[str, str]) -> Mapping[str, str]:
    """Return an identity's tags with those of its session in their place, under the identity's spelling of each key.

    Condition keys ignore the case of tag keys, but Cedar does not: a session's `Division` must not hide `division`.
    """
    tags = dict(of_identity)
    spellings: dict[str, list[str]] = {}
    for key in of_identity:
        spellings.setdefault(fold(key), []).append(key)
    for key, value in of_session.items():
        for spelling in spellings.get(fold(key), [key]):
            tags[spelling] = value
    return tags


async def _session_policies(service: Service, session: TemporarySession) -> tuple[PolicyDocument, ...] | None:
    """Return a session's policies, None if it has none; a managed policy that no longer exists denies everything."""
    if not session.policies and not session.policy_arns:
        return None
    written = [PolicyDocument(f"session/{place}", text) for place, text in enumerate(session.policies)]
    managed = [PolicyDocument(arn, await managed_text(service, arn) or _NOTHING_ALLOWED) for arn in session.policy_arns]
    return (*written, *managed)
