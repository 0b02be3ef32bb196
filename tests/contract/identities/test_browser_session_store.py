"""The contract of the store of browsers' sessions and links."""

import asyncio
from dataclasses import replace

from ferryman.core.ports.store import Store
from ferryman.model.identifiers import Millis
from ferryman.model.identity.browser_sessions import BrowserLink, BrowserSession


def session(name: str, at: int, person: str = "AIDA", until: int = 1000) -> BrowserSession:
    return BrowserSession(name.encode().ljust(32), person, b"sealed\0", Millis(at), Millis(at), Millis(until))


def link(name: str, until: int, person: str = "AIDA") -> BrowserLink:
    return BrowserLink(name.encode().ljust(32), person, b"sealed\0", Millis(until))


async def test_a_session_is_found_until_it_is_removed(store: Store) -> None:
    sessions, one, other = store.browser_sessions, session("a", 1), session("b", 2)
    await sessions.add(one, 5)
    await sessions.add(other, 5)
    assert await sessions.get(one.token_hash) == one
    assert await sessions.get(b"c" * 32) is None
    answers = await asyncio.gather(*(sessions.remove(one.token_hash) for _ in range(5)))
    assert sum(answers) == 1
    assert await sessions.get(one.token_hash) is None
    assert await sessions.get(other.token_hash) == other


async def test_the_last_use_is_the_latest_one_known(store: Store) -> None:
    sessions, one = store.browser_sessions, session("a", 1)
    await sessions.add(one, 5)
    await sessions.add(session("b", 1), 5)
    for at in (50, 90, 70):
        await sessions.note_use(one.token_hash, Millis(at))
    await sessions.note_use(b"c" * 32, Millis(100))
    assert await sessions.get(one.token_hash) == replace(one, used_at=Millis(90))
    assert await sessions.get(b"b".ljust(32)) == session("b", 1)


async def test_the_oldest_sessions_of_a_person_make_room(store: Store) -> None:
    sessions = store.browser_sessions
    others = session("other", 1, "AIDB")
    await sessions.add(others, 2)
    for number in range(1, 5):
        await sessions.add(session(f"s{number}", number), 2)
    kept = [await sessions.get(f"s{number}".encode().ljust(32)) is not None for number in range(1, 5)]
    assert kept == [False, False, True, True]
    assert await sessions.get(others.token_hash) == others
    await sessions.add(session("late", 1000), 5)
    assert await sessions.get(b"s4".ljust(32)) is None  # it had expired, so it takes no room


async def test_what_has_expired_is_pruned_a_little_at_a_time(store: Store) -> None:
    sessions = store.browser_sessions
    for number in range(5):
        await sessions.add(session(f"s{number}", 1, f"AIDA{number}", until=100 + number), 5)
        await sessions.add_link(link(f"l{number}", 100 + number, f"AIDA{number}"), 5)
    assert await sessions.prune(Millis(103), 2) == 4
    assert await sessions.prune(Millis(103), 2) == 2
    assert await sessions.prune(Millis(103), 2) == 0
    assert await sessions.get(b"s3".ljust(32)) is not None
    assert await sessions.use_link(b"l3".ljust(32), Millis(1)) is not None


async def test_a_link_is_used_once_and_in_time(store: Store) -> None:
    sessions, one, late = store.browser_sessions, link("a", 100), link("b", 50)
    await sessions.add_link(one, 5)
    await sessions.add_link(late, 5)
    assert await sessions.use_link(late.token_hash, Millis(50)) is None
    assert await sessions.use_link(b"c" * 32, Millis(50)) is None
    answers = await asyncio.gather(*(sessions.use_link(one.token_hash, Millis(99)) for _ in range(10)))
    assert [each for each in answers if each is not None] == [one]


async def test_a_person_has_few_links(store: Store) -> None:
    sessions = store.browser_sessions
    for number in range(4):
        await sessions.add_link(link(f"l{number}", 100 + number), 2)
    used = [await sessions.use_link(f"l{number}".encode().ljust(32), Millis(1)) is not None for number in range(4)]
    assert used == [False, False, True, True]
