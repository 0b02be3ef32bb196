"""The table of the status machine, and what is derived from it."""

from ferryman.model.sessions import ACTIVE, ENDED, RESUMABLE, TRANSITIONS, SessionStatus, sources

S = SessionStatus


def test_nothing_leaves_the_ended_and_nothing_returns_to_connecting() -> None:
    assert {S.TERMINATED, S.FAILED} == ENDED
    assert set(SessionStatus) == ACTIVE | ENDED
    assert set(TRANSITIONS) == set(SessionStatus)
    assert sources(S.CONNECTING) == frozenset()


def test_only_a_session_nobody_joined_fails() -> None:
    assert sources(S.FAILED) == {S.CONNECTING}


def test_every_active_status_leads_to_terminated() -> None:
    assert sources(S.TERMINATED) == ACTIVE
    assert sources(S.TERMINATING) == RESUMABLE == ACTIVE - {S.TERMINATING}
