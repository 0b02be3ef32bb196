"""What roles hold: inline and attached policies, as IAM's operations change and show them."""

from ferryman.core.markers import page_of
from ferryman.core.permissions import managed_text
from ferryman.core.requests import Page
from ferryman.core.roles import no_such, role_for
from ferryman.core.service import Service
from ferryman.model.callers import Caller
from ferryman.model.errors import ServiceError
from ferryman.policy.documents import PolicyKind
from ferryman.policy.errors import PolicyTooLarge
from ferryman.policy.parsing import parse_policy

ATTACHED_LIMIT = 10
"""Managed policies that a role may have attached, AWS's default quota."""


async def put_role_policy(service: Service, caller: Caller, role_name: str, name: str, document: str) -> None:
    """PutRolePolicy: the inline policies of a role together stay within their limit.

    Raises AccessDeniedException, NoSuchEntity, MalformedPolicyDocument, LimitExceeded.
    """
    role = await role_for(service, caller, "PutRolePolicy", role_name)
    parse_policy(document, PolicyKind.INLINE_ROLE)
    others = [text for other, text in await service.store.policies.inline(role.role_id) if other != name]
    size = sum(len("".join(text.split())) for text in (*others, document))
    if size > PolicyKind.INLINE_ROLE.limit:
        raise PolicyTooLarge(size, PolicyKind.INLINE_ROLE.limit)
    await service.store.policies.put_inline(role.role_id, name, document)


async def get_role_policy(service: Service, caller: Caller, role_name: str, name: str) -> str:
    """GetRolePolicy: its text. Raises AccessDeniedException, NoSuchEntity."""
    role = await role_for(service, caller, "GetRolePolicy", role_name)
    for other, text in await service.store.policies.inline(role.role_id):
        if other == name:
            return text
    raise no_such(f"role policy with name {name}")


async def delete_role_policy(service: Service, caller: Caller, role_name: str, name: str) -> None:
    """DeleteRolePolicy. Raises AccessDeniedException, NoSuchEntity."""
    role = await role_for(service, caller, "DeleteRolePolicy", role_name)
    if not await service.store.policies.remove_inline(role.role_id, name):
        raise no_such(f"role policy with name {name}")


async def list_role_policies(
    service: Service, caller: Caller, role_name: str, marker: str | None, max_items: int | None
) -> Page[str]:
    """ListRolePolicies: names. Raises AccessDeniedException, NoSuchEntity, ValidationException (marker)."""
    role = await role_for(service, caller, "ListRolePolicies", role_name)
    names = [name for name, _ in await service.store.policies.inline(role.role_id)]
    return page_of(service, caller, "ListRolePolicies", [role_name], names, str, marker, max_items)


async def attach_role_policy(service: Service, caller: Caller, role_name: str, arn: str) -> None:
    """AttachRolePolicy. Raises AccessDeniedException, NoSuchEntity (role or policy), LimitExceeded."""
    role = await role_for(service, caller, "AttachRolePolicy", role_name, {"iam:PolicyARN": arn})
    if await managed_text(service, arn) is None:
        raise no_such(f"policy {arn}")
    attached = await service.store.policies.attached(role.role_id)
    if arn not in attached and len(attached) >= ATTACHED_LIMIT:
        message = f"Cannot exceed quota for PoliciesPerRole: {ATTACHED_LIMIT}"
        raise ServiceError("LimitExceeded", message, status=409)
    await service.store.policies.attach(role.role_id, arn)


async def detach_role_policy(service: Service, caller: Caller, role_name: str, arn: str) -> None:
    """DetachRolePolicy. Raises AccessDeniedException, NoSuchEntity."""
    role = await role_for(service, caller, "DetachRolePolicy", role_name, {"iam:PolicyARN": arn})
    if not await service.store.policies.detach(role.role_id, arn):
        raise no_such(f"policy {arn}, attached to {role_name},")


async def list_attached_role_policies(
    service: Service, caller: Caller, role_name: str, path_prefix: str, marker: str | None, max_items: int | None
) -> Page[tuple[str, str]]:
    """ListAttachedRolePolicies: names and ARNs. Raises as `list_role_policies`."""
    role = await role_for(service, caller, "ListAttachedRolePolicies", role_name)
    attached = [(arn.rpartition("/")[2], arn) for arn in await service.store.policies.attached(role.role_id)]
    found = [each for each in attached if each[1].partition(":policy")[2].startswith(path_prefix)]
    members = [role_name, path_prefix]
    return page_of(service, caller, "ListAttachedRolePolicies", members, found, lambda each: each[1], marker, max_items)
