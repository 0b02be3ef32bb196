"""Inline and attached policies of users, groups and roles: IAM's operations on them."""

from dataclasses import dataclass
from enum import StrEnum

from ferryman.core.authorization.request_context import NO_KEYS, Keys, managed_text
from ferryman.core.iam.groups import group_for
from ferryman.core.iam.resources import check_quota, no_such
from ferryman.core.iam.roles import role_for
from ferryman.core.iam.users import user_for
from ferryman.core.paging import Listing, Page, page_of
from ferryman.core.service import Service
from ferryman.model.arns import name_of_policy, path_of_policy
from ferryman.model.identity.callers import Caller
from ferryman.policy.documents import PolicyKind
from ferryman.policy.errors import PolicyTooLarge
from ferryman.policy.parsing import parse_policy, size_of

ATTACHED_LIMIT = 10
"""Managed policies attached to one user, group or role, AWS's default quota."""


class HolderKind(StrEnum):
    """Kinds of policy holders, spelled as in the names of IAM's actions."""

    USER = "User"
    GROUP = "Group"
    ROLE = "Role"


_INLINE = {
    HolderKind.USER: PolicyKind.INLINE_USER,
    HolderKind.GROUP: PolicyKind.INLINE_GROUP,
    HolderKind.ROLE: PolicyKind.INLINE_ROLE,
}


@dataclass(frozen=True, slots=True)
class Holder:
    """A user, group or role by name."""

    kind: HolderKind
    name: str


async def put_policy(service: Service, caller: Caller, holder: Holder, name: str, document: str) -> None:
    """PutUserPolicy, PutGroupPolicy, PutRolePolicy. The limit applies to all inline policies of a holder together.

    Raises AccessDeniedException, NoSuchEntity, MalformedPolicyDocument, LimitExceeded.
    """
    holder_id = await _id_for(service, caller, holder, f"Put{holder.kind}Policy")
    kind = _INLINE[holder.kind]
    parse_policy(document, kind)
    others = [text for other, text in await service.store.policies.inline(holder_id) if other != name]
    size = sum(size_of(text) for text in (*others, document))
    if size > kind.limit:
        raise PolicyTooLarge(size, kind.limit)
    await service.store.policies.put_inline(holder_id, name, document)


async def get_policy(service: Service, caller: Caller, holder: Holder, name: str) -> str:
    """GetUserPolicy, GetGroupPolicy, GetRolePolicy: its text. Raises AccessDeniedException, NoSuchEntity."""
    holder_id = await _id_for(service, caller, holder, f"Get{holder.kind}Policy")
    for other, text in await service.store.policies.inline(holder_id):
        if other == name:
            return text
    raise no_such(f"{holder.kind.lower()} policy with name {name}")


async def delete_policy(service: Service, caller: Caller, holder: Holder, name: str) -> None:
    """DeleteUserPolicy, DeleteGroupPolicy, DeleteRolePolicy. Raises AccessDeniedException, NoSuchEntity."""
    holder_id = await _id_for(service, caller, holder, f"Delete{holder.kind}Policy")
    if not await service.store.policies.remove_inline(holder_id, name):
        raise no_such(f"{holder.kind.lower()} policy with name {name}")


async def list_policies(
    service: Service, caller: Caller, holder: Holder, marker: str | None, max_items: int | None
) -> Page[str]:
    """ListUserPolicies, ListGroupPolicies, ListRolePolicies: names of the inline policies.

    Raises AccessDeniedException, NoSuchEntity, ValidationException (marker).
    """
    operation = f"List{holder.kind}Policies"
    holder_id = await _id_for(service, caller, holder, operation)
    names = [name for name, _ in await service.store.policies.inline(holder_id)]
    return page_of(Listing(service, caller, operation, [holder.name]), names, str, marker, max_items)


async def attach_policy(service: Service, caller: Caller, holder: Holder, arn: str) -> None:
    """AttachUserPolicy, AttachGroupPolicy, AttachRolePolicy: no effect if it is attached already.

    Raises AccessDeniedException, NoSuchEntity, LimitExceeded.
    """
    holder_id = await _id_for(service, caller, holder, f"Attach{holder.kind}Policy", {"iam:PolicyARN": arn})
    attached = await service.store.policies.attached(holder_id)
    check_quota(f"PoliciesPer{holder.kind}", len({*attached, arn}), ATTACHED_LIMIT)
    known = await managed_text(service, arn) is not None
    if not known or not await service.store.policies.attach(holder_id, arn):
        raise no_such(f"policy {arn}")


async def detach_policy(service: Service, caller: Caller, holder: Holder, arn: str) -> None:
    """DetachUserPolicy, DetachGroupPolicy, DetachRolePolicy. Raises AccessDeniedException, NoSuchEntity."""
    holder_id = await _id_for(service, caller, holder, f"Detach{holder.kind}Policy", {"iam:PolicyARN": arn})
    if not await service.store.policies.detach(holder_id, arn):
        raise no_such(f"policy {arn}, attached to {holder.name},")


async def list_attached_policies(
    service: Service, caller: Caller, holder: Holder, path_prefix: str, marker: str | None, max_items: int | None
) -> Page[str]:
    """ListAttachedUserPolicies, ListAttachedGroupPolicies, ListAttachedRolePolicies: ARNs.

    Raises as `list_policies`.
    """
    operation = f"ListAttached{holder.kind}Policies"
    holder_id = await _id_for(service, caller, holder, operation)
    attached = await service.store.policies.attached(holder_id)
    found = [arn for arn in attached if path_of_policy(arn).startswith(path_prefix)]
    members = [holder.name, path_prefix]
    return page_of(Listing(service, caller, operation, members), found, listed_as, marker, max_items)


def listed_as(arn: str) -> str:
    """Return the sort key of a policy in listings: its name, then its account, so that the account's own come first."""
    return f"{name_of_policy(arn)} {arn.split(':')[4]}"


async def _id_for(service: Service, caller: Caller, holder: Holder, action: str, keys: Keys = NO_KEYS) -> str:
    """Return the holder's id if `caller` may do `action` to it."""
    if holder.kind is HolderKind.USER:
        return (await user_for(service, caller, action, holder.name, keys)).user_id
    if holder.kind is HolderKind.ROLE:
        return (await role_for(service, caller, action, holder.name, keys)).role_id
    return (await group_for(service, caller, action, holder.name, keys)).group_id
