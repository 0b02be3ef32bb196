"""Failures are counted by where they come from; nobody is locked out by others; memory and words are bounded."""

import pytest

from ferryman.core.ratelimits import failed_attempts, token_bucket
from ferryman.core.ratelimits.failed_attempts import (
    ADDRESS_BURST,
    CLAIM_BURST,
    CLAIM_PER_SECOND,
    CLAIMS_OF_ONE_HOLDER,
    ELSEWHERE,
    MOST_CLAIMS_NAMED,
    FailedAttempts,
    TooManyFailedAttempts,
)
from ferryman.core.ratelimits.token_bucket import REMEMBERED
from ferryman.model.identifiers import Millis

NOW = Millis(1_000_000)
ATTACKER, VICTIM = "192.0.2.1", "198.51.100.1"


def fail(attempts: FailedAttempts, address: str, claim: str, times: float, now: Millis = NOW) -> None:
    for _ in range(int(times)):
        attempts.check(address, address, claim, now)
        attempts.failed(address, address, claim, now)


def unseen(attempts: FailedAttempts, address: str, claim: str, now: Millis = NOW) -> bool:
    """Whether an attempt would not even be looked at."""
    try:
        attempts.check(address, address, claim, now)
    except TooManyFailedAttempts:
        return True
    return False


def refused(attempts: FailedAttempts, address: str, claim: str, now: Millis = NOW) -> bool:
    """Whether one more that fails is one too many."""
    try:
        fail(attempts, address, claim, 1, now)
    except TooManyFailedAttempts:
        return True
    return False


def test_one_claim_of_one_address() -> None:
    attempts = FailedAttempts()
    fail(attempts, ATTACKER, "AKIAVICTIM", CLAIM_BURST)
    assert refused(attempts, ATTACKER, "AKIAVICTIM")
    assert not unseen(attempts, ATTACKER, "AKIAVICTIM")
    assert not refused(attempts, ATTACKER, "AKIAOTHER")
    soon = Millis(NOW + int(1000 / CLAIM_PER_SECOND))
    assert not refused(attempts, ATTACKER, "AKIAVICTIM", soon)
    assert refused(attempts, ATTACKER, "AKIAVICTIM", soon)


def test_many_claims_of_one_address() -> None:
    attempts = FailedAttempts()
    for n in range(int(ADDRESS_BURST)):
        fail(attempts, ATTACKER, f"AKIA{n}", 1)
    assert unseen(attempts, ATTACKER, "AKIANEW")
    assert not unseen(attempts, VICTIM, "AKIANEW")
    assert not unseen(attempts, ATTACKER, "AKIANEW", Millis(NOW + 1000))


def test_no_claim_at_all_counts_for_the_address() -> None:
    attempts = FailedAttempts()
    fail(attempts, ATTACKER, "", ADDRESS_BURST)
    assert unseen(attempts, ATTACKER, "")
    for _ in range(1000):
        attempts.failed("", "127.0.0.1", "", NOW)


def test_a_victims_key_is_not_locked_out_from_elsewhere() -> None:
    attempts = FailedAttempts()
    for _ in range(int(ADDRESS_BURST) * 2):
        refused(attempts, ATTACKER, "AKIAVICTIM")
    assert unseen(attempts, ATTACKER, "AKIAVICTIM")
    assert not unseen(attempts, VICTIM, "AKIAVICTIM")
    assert not refused(attempts, VICTIM, "AKIAVICTIM")


def test_key_is_not_locked_out_at_an_address_where_it_was_right() -> None:
    attempts = FailedAttempts()
    attempts.succeeded(ATTACKER, "AKIAVICTIM", "AIDAVICTIM")
    for n in range(int(ADDRESS_BURST)):
        fail(attempts, ATTACKER, f"AKIA{n}", 1)
    assert refused(attempts, ATTACKER, "AKIAVICTIM")
    assert unseen(attempts, ATTACKER, "AKIAANOTHER")
    assert not unseen(attempts, ATTACKER, "AKIAVICTIM")


def test_one_caller_with_many_keys_and_addresses_displaces_nobodys_success() -> None:
    attempts = FailedAttempts()
    attempts.succeeded(ATTACKER, "AKIAVICTIM", "AIDAVICTIM")
    for n in range(3 * REMEMBERED):
        attempts.succeeded(f"192.0.2.{n % 250}", f"ASIA{n}", "AIDAATTACKER")
    fail(attempts, ATTACKER, "", ADDRESS_BURST)
    assert not unseen(attempts, ATTACKER, "AKIAVICTIM")
    assert unseen(attempts, ATTACKER, "ASIA0")
    assert len(attempts._right) == 1 + CLAIMS_OF_ONE_HOLDER


def test_a_claim_with_a_new_holder_is_remembered_once() -> None:
    attempts = FailedAttempts()
    for n in range(20):
        attempts.succeeded(ATTACKER, "activation", f"AIDA{n}")
    assert list(attempts._right.values()) == ["AIDA19"]
    assert list(attempts._held) == ["AIDA19"]


def test_a_key_is_not_locked_out_behind_an_uncounted_proxy() -> None:
    attempts = FailedAttempts()
    for n in range(int(ADDRESS_BURST) * 2):
        attempts.failed("", "127.0.0.1", f"AKIA{n}", NOW)
    for _ in range(int(CLAIM_BURST)):
        attempts.failed("", "127.0.0.1", "AKIAONE", NOW)
    with pytest.raises(TooManyFailedAttempts):
        attempts.failed("", "127.0.0.1", "AKIAONE", NOW)
    attempts.check("", "127.0.0.1", "AKIAONE", NOW)


def test_refusals_are_summed_up_once_a_minute() -> None:
    attempts = FailedAttempts()
    fail(attempts, VICTIM, "AKIATYPO", 1)
    fail(attempts, ATTACKER, "AKIAVICTIM", CLAIM_BURST)
    assert sum(refused(attempts, ATTACKER, "AKIAVICTIM", Millis(NOW + 5)) for _ in range(1000)) == 1000
    assert attempts.summaries(Millis(NOW + 59_999)) == []
    [summary] = attempts.summaries(Millis(NOW + 60_000))
    assert (summary.address, summary.failed, summary.refused) == (ATTACKER, CLAIM_BURST, 1000)
    assert (summary.since, summary.until) == (NOW, NOW + 5)
    assert list(summary.claims) == ["AKIAVICTIM"]
    assert attempts.summaries(Millis(NOW + 120_000)) == []


def test_memory_and_words_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failed_attempts, "REMEMBERED", 20)
    monkeypatch.setattr(token_bucket, "REMEMBERED", 20)
    monkeypatch.setattr(failed_attempts, "MOST_SUMMARIES", 5)
    attempts = FailedAttempts()
    for n in range(50):
        address = f"2001:db8:0:{n:x}::/64"
        attempts.succeeded(address, f"good{n}", f"AIDA{n}")
        fail(attempts, address, "AKIAVICTIM", CLAIM_BURST)
        assert refused(attempts, address, "AKIAVICTIM")
        assert not refused(attempts, address, f"AKIA{n}")
    kept = (attempts._addresses, attempts._claims, attempts._right)
    assert [len(each) for each in kept] == [20, 20, 20]
    summaries = attempts.summaries(NOW, at_once=True)
    assert len(summaries) == 6
    assert sum(each.refused for each in summaries) == 50
    elsewhere = summaries[-1]
    assert (elsewhere.address, elsewhere.refused) == (ELSEWHERE, 45)
    assert len(elsewhere.claims) <= MOST_CLAIMS_NAMED
