"""Pages of users, groups and roles by name: what every adapter of their stores must do."""

from collections.abc import Awaitable, Callable, Sequence

import pytest

from ferryman.core.ports.store import Store
from ferryman.model.identifiers import Millis
from ferryman.model.identity.groups import Group
from ferryman.model.identity.roles import IamRole
from ferryman.model.identity.users import User

NAMED = (("b", "/"), ("B", "/ops/"), ("a", "/ops/night/"), ("c", "/ops_/"), ("é", "/Ops/"), ("d", "/ops/"))
BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"
KINDS = ("identities", "groups", "roles")


@pytest.fixture
async def store(store: Store) -> Store:
    for number, (name, path) in enumerate(NAMED):
        boundary = BOUNDARY if number % 2 else ""
        await store.identities.add_user(User(f"AIDA{number}", name, Millis(1), path, boundary))
        await store.groups.add(Group(f"AGPA{number}", name, Millis(1), path))
        await store.roles.add(IamRole(f"AROA{number}", name, path, "", "{}", 3600, Millis(1), boundary))
    return store


def page(store: Store, kind: str) -> Callable[[str, str, int], Awaitable[Sequence[User | Group | IamRole]]]:
    found: Callable[[str, str, int], Awaitable[Sequence[User | Group | IamRole]]] = getattr(store, kind).page
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("prefix", ["", "/", "/ops/", "/ops", "/o", "/ops/night/", "/ops%", "/OPS/", "/x"])
async def test_pages_walk_what_a_prefix_selects_by_name(store: Store, kind: str, prefix: str) -> None:
    expected = sorted(name for name, path in NAMED if path.startswith(prefix))
    for limit in (1, 2, 10):
        seen: list[str] = []
        while found := await page(store, kind)(prefix, seen[-1] if seen else "", limit):
            assert len(found) <= limit
            seen += [each.name for each in found]
        assert seen == expected


async def test_rows_come_whole(store: Store) -> None:
    assert await store.identities.page("/", "", 10) == await store.identities.users()
    assert await store.groups.page("/", "", 10) == await store.groups.all()
    assert await store.roles.page("/", "", 10) == await store.roles.all()


async def test_members_of_a_group_come_in_pages(store: Store) -> None:
    for number in (0, 2, 4):
        await store.groups.add_member("AGPA1", f"AIDA{number}")
    members = await store.groups.members("AGPA1")
    assert await store.groups.members_page("AGPA1", "", 2) == members[:2]
    assert await store.groups.members_page("AGPA1", members[1].name, 2) == members[2:]
    assert await store.groups.members_page("AGPA2", "", 2) == []


async def test_counts(store: Store) -> None:
    for kind in KINDS:
        assert await getattr(store, kind).count() == len(NAMED)
    for kind in ("identities", "roles"):
        assert await getattr(store, kind).boundary_counts() == {BOUNDARY: 3}
