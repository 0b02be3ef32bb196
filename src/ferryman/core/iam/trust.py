"""The principals of trust policies, by id: someone who gets the same name later is not trusted."""

from collections.abc import Mapping

from ferryman.core.service import Service
from ferryman.model.identity.callers import Caller, CallerKind
from ferryman.policy.documents import Policy
from ferryman.policy.errors import MalformedPolicyDocument, shown


async def principal_ids(service: Service, policy: Policy) -> dict[str, str]:
    """Return the current id of each user and role that a trust policy names by ARN.

    Raises MalformedPolicyDocument if one does not exist, as AWS does.
    """
    named = {
        arn
        for statement in (*policy.denying, *policy.allowing)
        if statement.principals is not None
        for arn in statement.principals.identities
    }
    found: dict[str, str] = {}
    for arn in sorted(named):
        identity_id = await principal_id(service, arn)
        if identity_id is None:
            raise MalformedPolicyDocument("Principal", f"there is no user or role {shown(arn)}")
        found[arn] = identity_id
    return found


def is_someone_else(ids: Mapping[str, str], caller: Caller) -> bool:
    """Return whether the caller has a name in a trust policy that belonged to another when it was written."""
    own = caller.user_id.partition(":")[0] if caller.kind is CallerKind.ROLE else caller.user_id
    return any(ids.get(name, own) != own for name in (caller.arn, caller.role_arn))


async def principal_id(service: Service, arn: str) -> str | None:
    """Return the id of the user or role that an ARN of a principal names now; None if there is none."""
    account_id = service.settings.account_id
    kind, _, path = arn.split(":", 5)[5].partition("/")
    if kind == "user":
        user = await service.store.identities.user_named(path.rpartition("/")[2])
        return user.user_id if user is not None and service.arns.user(user.name, user.path) == arn else None
    if kind == "role":
        role = await service.store.roles.named(path.rpartition("/")[2])
        return role.role_id if role is not None and service.arns.role(role.name, role.path) == arn else None
    if kind == "assumed-role" and arn.startswith(f"arn:aws:sts::{account_id}:"):
        role = await service.store.roles.named(path.partition("/")[0])
        return None if role is None else role.role_id
    return None
