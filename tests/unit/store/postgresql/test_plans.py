"""How PostgreSQL runs pages of a table with history: short walks along indexes, and no walk is sorted or read whole."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import psycopg
from sqlalchemy import ClauseElement
from sqlalchemy.dialects.postgresql import psycopg as dialects

from ferryman.core.ports.people.access_requests import AccessRequestQuery
from ferryman.core.ports.sessions import SessionQuery
from ferryman.model.access_requests import AccessRequestStatus
from ferryman.model.identifiers import Millis
from ferryman.model.sessions import AccessType, SessionState, SessionStatus
from ferryman.store.access_requests.pages import page_statement as access_page_statement
from ferryman.store.postgresql.connections import LISTING_SETTINGS
from ferryman.store.sessions.pages import page_statement

ROWS = 20_000
_DIALECT = dialects.dialect()  # type: ignore[no-untyped-call]
_SESSIONS = """
    INSERT INTO sessions (session_id, target, status, started_at, ended_at, deadline_at, document_name, owner, owner_id,
        owner_name, idle_timeout, access_type)
    SELECT 's' || n, 'mi-' || n %% 5, CASE WHEN n %% 30 = 0 THEN 2 ELSE 10 END, n, n, n, 'document', 'arn:' || n %% 7,
        'id', CASE WHEN n > %s THEN 'now' ELSE 'long ago' END, 20, 1
    FROM generate_series(1, %s) AS n
"""
_REQUESTS = """
    INSERT INTO access_requests (request_id, execution_id, status, requester_id, requester_person_id, requester_arn,
        requester_name, reason, plan, policy, duration, created_at, deadline_at)
    SELECT 'oi-' || n, n, 10, 'id' || n %% 3, 'id', 'arn:' || n %% 3, 'name', 'reason', '{}', 'policy', 60, n, n
    FROM generate_series(1, %s) AS n
"""
_FILTERS: tuple[dict[str, Any], ...] = (
    {},
    {"target": "mi-1"},
    {"owner": "arn:1"},
    {"owner_name": "long ago"},
    {"target": "mi-1", "owner": "arn:none"},
    {"access_type": AccessType.STANDARD},
    {"invoked_after": Millis(5)},
    {"invoked_before": Millis(ROWS // 2)},
)
_STATES = (
    SessionQuery(SessionState.HISTORY, ended_since=Millis(1)),
    SessionQuery(SessionState.ACTIVE),
    SessionQuery(SessionState.HISTORY, status=SessionStatus.TERMINATED),
)


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for each in plan.get("Plans", ()):
        yield from _nodes(each)


def _explained(
    connection: "psycopg.Connection[Any]", statement: ClauseElement, values: Mapping[str, object]
) -> list[Mapping[str, Any]]:
    """Run the statement and return the steps of its plan."""
    compiled = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {compiled}"
    answer = connection.execute(explain.encode(), {**compiled.params, **values}).fetchone()
    assert answer is not None
    found = answer[0] if isinstance(answer[0], list) else json.loads(answer[0])
    return list(_nodes(found[0]["Plan"]))


def test_a_page_reads_a_page_of_each_walk_at_most(postgresql_url: str) -> None:
    with psycopg.connect(postgresql_url) as connection:
        connection.execute(_SESSIONS, (ROWS // 2, ROWS))
        connection.execute("ANALYZE sessions")
        for name, value in LISTING_SETTINGS.items():
            connection.execute(f"SET LOCAL {name} = {value}".encode())
        for query, named in product(_STATES, _FILTERS):
            page = page_statement(replace(query, **named), None, 51, merges=False)
            assert page is not None
            steps = _explained(connection, *page)
            scans = [each for each in steps if "Scan" in each["Node Type"]]
            assert {each["Node Type"] for each in scans} <= {"Index Scan", "Index Only Scan"}, named
            assert max(each["Actual Rows"] for each in scans) <= 51
            assert sum(each.get("Rows Removed by Filter", 0) for each in scans) == 0, named
        connection.rollback()


def test_a_page_of_access_requests_does_so_too(postgresql_url: str) -> None:
    with psycopg.connect(postgresql_url) as connection:
        connection.execute(_REQUESTS, (ROWS,))
        connection.execute("ANALYZE access_requests")
        statuses = frozenset({AccessRequestStatus.REJECTED, AccessRequestStatus.EXPIRED})
        statement = access_page_statement(AccessRequestQuery(statuses), None, 51, merges=False)
        steps = _explained(connection, statement, {})
        scanned = [each["Actual Rows"] * each["Actual Loops"] for each in steps if "Scan" in each["Node Type"]]
        assert max(scanned) <= 51
        connection.rollback()
