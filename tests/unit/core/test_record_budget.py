"""How many records one party may cause, and what the summaries of the others say."""

from dataclasses import replace

from ferryman.core.record_budget import (
    ELSEWHERE,
    MOST_KINDS,
    MOST_NAMED,
    MOST_SUMMARIES,
    SUMMARY_SECONDS,
    Cause,
    RecordBudget,
    principal,
    refused_calls,
    successful_reads,
    unverified,
)
from ferryman.model.identifiers import Millis
from ferryman.model.identity.callers import Caller, CallerKind
from ferryman.model.identity.credential_sessions import SessionKind, TemporarySession

DAY = 24 * 3600
USER = Caller(CallerKind.USER, "1", "arn:aws:iam::1:user/u", "AIDA1", "u")


def role_session(name: str, role: str = "AROA1") -> Caller:
    session = TemporarySession(SessionKind.ROLE, role, Millis(0), Millis(1), name, person_id=f"person-{name}")
    arn = f"arn:aws:sts::1:assumed-role/r/{name}"
    return Caller(CallerKind.ROLE, "1", arn, f"{role}:{name}", name, session=session)


def refuse(budget: RecordBudget, caller: Caller, now: float, kind: str = "ssm:StartSession AccessDenied") -> bool:
    return budget.allows(refused_calls(caller), Cause(principal(caller), kind, caller.arn), Millis(int(now * 1000)))


def test_a_flood_of_one_caller_for_a_day() -> None:
    budget = RecordBudget()
    written = sum(refuse(budget, USER, second) for second in range(0, DAY, 5) for _ in range(2))
    assert 100 + DAY * 0.1 - 2 <= written <= 100 + DAY * 0.1 + 1


def test_one_callers_flood_leaves_others_their_own() -> None:
    budget = RecordBudget()
    for _ in range(5000):
        refuse(budget, USER, 0)
    other = replace(USER, user_id="AIDA2", arn="arn:aws:iam::1:user/v")
    assert all(refuse(budget, other, 0) for _ in range(100))


def test_sessions_of_one_role_under_many_names_share_its_allowance() -> None:
    budget = RecordBudget()
    written = sum(refuse(budget, role_session(f"name-{n}"), n / 100) for n in range(20_000))
    assert written <= 300 + 200 * 0.3 + 1
    [summary] = budget.summaries(Millis(0), at_once=True)
    assert (summary.party, summary.records) == ("AROA1", 20_000 - written)
    assert len(summary.names) == MOST_NAMED


def test_many_users_and_roles_share_one_allowance() -> None:
    budget = RecordBudget()
    callers = [replace(USER, user_id=f"AIDA{n}") for n in range(100)]
    written = sum(refuse(budget, caller, second) for second in range(100) for caller in callers)
    assert written <= 1000 + 100 * 2 + 1


def test_all_who_are_not_known_share_one_allowance() -> None:
    budget = RecordBudget()
    causes = [Cause("unknown", "ssm:X", address=f"2001:db8::{n:x}", access_key_id=f"AKIA{n}") for n in range(20_000)]
    written = sum(budget.allows(unverified(), cause, Millis(n)) for n, cause in enumerate(causes))
    assert written <= 100 + 20 + 1
    [summary] = budget.summaries(Millis(0), at_once=True)
    assert (len(summary.addresses), len(summary.access_key_ids)) == (MOST_NAMED, MOST_NAMED)


def test_reads_have_an_allowance_that_no_poller_reaches() -> None:
    budget = RecordBudget()
    cause = Cause("AIDA1", "ssm:DescribeSessions")
    assert all(budget.allows(successful_reads(USER), cause, Millis(n * 100)) for n in range(50_000))
    flood = sum(budget.allows(successful_reads(USER), cause, Millis(10_000_000 + n)) for n in range(50_000))
    assert flood <= 3000 + 50 * 10 + 1


def test_a_summary_is_due_after_its_interval_and_counts_by_kind() -> None:
    budget = RecordBudget()
    for n in range(100 + 5):
        refuse(budget, USER, 0, f"ssm:{'A' if n % 2 else 'B'} AccessDenied")
    assert budget.summaries(Millis(SUMMARY_SECONDS * 1000 - 1)) == []
    [summary] = budget.summaries(Millis(SUMMARY_SECONDS * 1000))
    assert summary.kinds == {"ssm:A AccessDenied": 2, "ssm:B AccessDenied": 3}
    assert budget.summaries(Millis(10 * SUMMARY_SECONDS * 1000)) == []


def test_summaries_are_bounded() -> None:
    budget = RecordBudget()
    for n in range(100 + 2 * MOST_KINDS):
        refuse(budget, USER, 0, f"ssm:Operation{n} AccessDenied")
    [summary] = budget.summaries(Millis(0), at_once=True)
    assert len(summary.kinds) <= MOST_KINDS + 1
    assert summary.kinds[ELSEWHERE] == MOST_KINDS
    for n in range(2 * MOST_SUMMARIES):
        for _ in range(101):
            refuse(budget, replace(USER, user_id=f"AIDA{n}"), 0)
    found = budget.summaries(Millis(0), at_once=True)
    assert len(found) <= MOST_SUMMARIES + 1
    assert ELSEWHERE in {each.party for each in found}


def test_a_caller_who_makes_the_budget_forget_others_gains_nothing() -> None:
    budget = RecordBudget()
    written = sum(refuse(budget, role_session(f"n{n}"), 0) for n in range(25_000))
    assert written <= 300
