"""Failures are counted by where they come from; nobody is locked out by others; memory and words are bounded."""

import pytest

from ferryman.core.ratelimits import failed_attempts as guesses_module
from ferryman.core.ratelimits import token_bucket
from ferryman.core.ratelimits.failed_attempts import (
    ADDRESS_BURST,
    CLAIM_BURST,
    CLAIM_PER_SECOND,
    ELSEWHERE,
    MOST_CLAIMS_NAMED,
    Guesses,
    TooManyGuesses,
)
from ferryman.model.identifiers import Millis

NOW = Millis(1_000_000)
ATTACKER, VICTIM = "192.0.2.1", "198.51.100.1"


def fail(guesses: Guesses, address: str, claim: str, times: float, now: Millis = NOW) -> None:
    for _ in range(int(times)):
        guesses.check(address, address, claim, now)
        guesses.failed(address, address, claim, now)


def unseen(guesses: Guesses, address: str, claim: str, now: Millis = NOW) -> bool:
    """Whether an attempt would not even be looked at."""
    try:
        guesses.check(address, address, claim, now)
    except TooManyGuesses:
        return True
    return False


def refused(guesses: Guesses, address: str, claim: str, now: Millis = NOW) -> bool:
    """Whether one more that fails is one too many."""
    try:
        fail(guesses, address, claim, 1, now)
    except TooManyGuesses:
        return True
    return False


def test_one_claim_of_one_address() -> None:
    guesses = Guesses()
    fail(guesses, ATTACKER, "AKIAVICTIM", CLAIM_BURST)
    assert refused(guesses, ATTACKER, "AKIAVICTIM")
    assert not unseen(guesses, ATTACKER, "AKIAVICTIM")
    assert not refused(guesses, ATTACKER, "AKIAOTHER")
    soon = Millis(NOW + int(1000 / CLAIM_PER_SECOND))
    assert not refused(guesses, ATTACKER, "AKIAVICTIM", soon)
    assert refused(guesses, ATTACKER, "AKIAVICTIM", soon)


def test_many_claims_of_one_address() -> None:
    guesses = Guesses()
    for n in range(int(ADDRESS_BURST)):
        fail(guesses, ATTACKER, f"AKIA{n}", 1)
    assert unseen(guesses, ATTACKER, "AKIANEW")
    assert not unseen(guesses, VICTIM, "AKIANEW")
    assert not unseen(guesses, ATTACKER, "AKIANEW", Millis(NOW + 1000))


def test_no_claim_at_all_counts_for_the_address() -> None:
    guesses = Guesses()
    fail(guesses, ATTACKER, "", ADDRESS_BURST)
    assert unseen(guesses, ATTACKER, "")
    for _ in range(1000):
        guesses.failed("", "127.0.0.1", "", NOW)


def test_a_victims_key_is_not_locked_out_from_elsewhere() -> None:
    guesses = Guesses()
    for _ in range(int(ADDRESS_BURST) * 2):
        refused(guesses, ATTACKER, "AKIAVICTIM")
    assert unseen(guesses, ATTACKER, "AKIAVICTIM")
    assert not unseen(guesses, VICTIM, "AKIAVICTIM")
    assert not refused(guesses, VICTIM, "AKIAVICTIM")


def test_nor_from_the_same_address_if_it_was_right_there() -> None:
    guesses = Guesses()
    guesses.succeeded(ATTACKER, "AKIAVICTIM")
    for n in range(int(ADDRESS_BURST)):
        fail(guesses, ATTACKER, f"AKIA{n}", 1)
    assert refused(guesses, ATTACKER, "AKIAVICTIM")
    assert unseen(guesses, ATTACKER, "AKIAANOTHER")
    assert not unseen(guesses, ATTACKER, "AKIAVICTIM")


def test_nor_behind_a_proxy_whose_address_is_not_counted() -> None:
    guesses = Guesses()
    for n in range(int(ADDRESS_BURST) * 2):
        guesses.failed("", "127.0.0.1", f"AKIA{n}", NOW)
    for _ in range(int(CLAIM_BURST)):
        guesses.failed("", "127.0.0.1", "AKIAONE", NOW)
    with pytest.raises(TooManyGuesses):
        guesses.failed("", "127.0.0.1", "AKIAONE", NOW)
    guesses.check("", "127.0.0.1", "AKIAONE", NOW)


def test_refusals_are_summed_up_once_a_minute() -> None:
    guesses = Guesses()
    fail(guesses, VICTIM, "AKIATYPO", 1)
    fail(guesses, ATTACKER, "AKIAVICTIM", CLAIM_BURST)
    assert sum(refused(guesses, ATTACKER, "AKIAVICTIM", Millis(NOW + 5)) for _ in range(1000)) == 1000
    assert guesses.summaries(Millis(NOW + 59_999)) == []
    [summary] = guesses.summaries(Millis(NOW + 60_000))
    assert (summary.address, summary.failed, summary.refused) == (ATTACKER, CLAIM_BURST, 1000)
    assert (summary.since, summary.until) == (NOW, NOW + 5)
    assert list(summary.claims) == ["AKIAVICTIM"]
    assert guesses.summaries(Millis(NOW + 120_000)) == []


def test_memory_and_words_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guesses_module, "REMEMBERED", 20)
    monkeypatch.setattr(token_bucket, "REMEMBERED", 20)
    monkeypatch.setattr(guesses_module, "MOST_SUMMARIES", 5)
    guesses = Guesses()
    for n in range(50):
        address = f"2001:db8:0:{n:x}::/64"
        guesses.succeeded(address, f"good{n}")
        fail(guesses, address, "AKIAVICTIM", CLAIM_BURST)
        assert refused(guesses, address, "AKIAVICTIM")
        assert not refused(guesses, address, f"AKIA{n}")
    kept = (guesses._addresses, guesses._claims, guesses._right)
    assert [len(each) for each in kept] == [20, 20, 20]
    summaries = guesses.summaries(NOW, at_once=True)
    assert len(summaries) == 6
    assert sum(each.refused for each in summaries) == 50
    elsewhere = summaries[-1]
    assert (elsewhere.address, elsewhere.refused) == (ELSEWHERE, 45)
    assert len(elsewhere.claims) <= MOST_CLAIMS_NAMED
