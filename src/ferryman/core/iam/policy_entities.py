"""ListEntitiesForPolicy: the users, groups and roles that have a managed policy."""

from collections.abc import Sequence
from dataclasses import dataclass

from ferryman.core.iam.managed_policies import bounded_by, policy_for
from ferryman.core.paging import Listing, Page, page_of
from ferryman.core.service import Service
from ferryman.model.identity.callers import Caller


@dataclass(frozen=True, slots=True)
class PolicyEntity:
    """A `User`, `Group` or `Role` that has a policy."""

    kind: str
    name: str
    entity_id: str
    path: str


@dataclass(frozen=True, slots=True)
class EntityFilter:
    """Filters, as sent. `usage` is `PermissionsPolicy` or `PermissionsBoundary`."""

    kind: str | None = None
    path_prefix: str = "/"
    usage: str | None = None


async def list_entities_for_policy(
    service: Service, caller: Caller, arn: str, wanted: EntityFilter, marker: str | None, max_items: int | None
) -> Page[PolicyEntity]:
    """ListEntitiesForPolicy: groups, roles and users that it is attached to or bounds, by name.

    Raises AccessDeniedException, NoSuchEntity, ValidationException (marker).
    """
    await policy_for(service, caller, "ListEntitiesForPolicy", arn)
    ids: set[str] = set()
    if wanted.usage != "PermissionsBoundary":
        ids.update(await service.store.policies.holders(arn))
    if wanted.usage != "PermissionsPolicy":
        ids.update(await bounded_by(service, arn))
    found = [each for each in await _entities(service, ids) if _fits(each, wanted)]
    members = [arn, wanted.kind, wanted.path_prefix, wanted.usage]
    return page_of(
        Listing(service, caller, "ListEntitiesForPolicy", members),
        found,
        lambda each: f"{each.kind}/{each.name}",
        marker,
        max_items,
    )


async def _entities(service: Service, ids: set[str]) -> Sequence[PolicyEntity]:
    store = service.store
    found = [PolicyEntity("User", each.name, each.user_id, each.path) for each in await store.identities.users()]
    found += [PolicyEntity("Group", each.name, each.group_id, each.path) for each in await store.groups.all()]
    found += [PolicyEntity("Role", each.name, each.role_id, each.path) for each in await store.roles.all()]
    return [each for each in found if each.entity_id in ids]


def _fits(entity: PolicyEntity, wanted: EntityFilter) -> bool:
    return wanted.kind in (None, entity.kind) and entity.path.startswith(wanted.path_prefix)
