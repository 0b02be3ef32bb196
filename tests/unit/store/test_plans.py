"""How SQLite runs the queries: one walk along one index, whatever the filter. A scan or a sort is a failure."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import ClauseElement
from sqlalchemy.dialects.sqlite import dialect

from ferryman.core.ports.nodes import ANY_NODE, ActivationMember, ActivationPosition, NodeMember, NodeQuery
from ferryman.core.ports.people.access_requests import AccessRequestPosition, AccessRequestQuery
from ferryman.core.ports.sessions import SessionPosition, SessionQuery
from ferryman.model.access_requests import AccessRequestId, AccessRequestStatus
from ferryman.model.identifiers import ActivationId, Millis, NodeId, SessionId
from ferryman.model.sessions import ENDED, AccessType, SessionState, SessionStatus
from ferryman.model.tags import ResourceType
from ferryman.store.access_requests.pages import page_statement as access_page_statement
from ferryman.store.access_requests.store import due_statement as access_due_statement
from ferryman.store.nodes import activation_page_statement, node_page_statement
from ferryman.store.sessions.pages import page_statement
from ferryman.store.sessions.store import active_on_statement, due_statement, prune_statement, usage_statement
from ferryman.store.tags import tagged_page_statement

ACTIVE = SessionQuery(SessionState.ACTIVE)
HISTORY = SessionQuery(SessionState.HISTORY, ended_since=Millis(1))
BEHIND = SessionPosition(Millis(500), SessionId("x"))


@pytest.fixture(scope="module")
def connection(empty_database: Path) -> Iterator[sqlite3.Connection]:
    """One for all tests, which read nothing but plans."""
    with closing(sqlite3.connect(f"file:{empty_database}?mode=ro", uri=True)) as connection:
        yield connection


def plan(
    connection: sqlite3.Connection, statement: ClauseElement, values: Mapping[str, object] | None = None
) -> list[str]:
    """Return SQLite's own account of how it would run the statement."""
    # Values stay parameters, as when the statement is run; an IN list is written out.
    bound = statement if values is None else statement.params(values)
    compiled = bound.compile(dialect=dialect(paramstyle="named"), compile_kwargs={"render_postcompile": True})
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {compiled}", compiled.params)]


NAMED: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "sessions_by_status (status=? AND access_type=?"),
    "Target": ({"target": "mi-1"}, "sessions_by_target (target=? AND status=? AND access_type=?"),
    "Owner": ({"owner": "arn:x"}, "sessions_by_owner (owner=? AND status=? AND access_type=?"),
    "Owner by name": ({"owner_name": "x"}, "sessions_by_owner_name (owner_name=? AND status=? AND access_type=?"),
    "Target and Owner": (
        {"target": "mi-1", "owner": "arn:x"},
        "sessions_by_target_and_owner (target=? AND owner=? AND status=? AND access_type=?",
    ),
    "Target and Owner by name": (
        {"target": "mi-1", "owner_name": "x"},
        "sessions_by_target_and_owner_name (target=? AND owner_name=? AND status=? AND access_type=?",
    ),
}
CHOICES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "AccessType": {"access_type": AccessType.JUST_IN_TIME},
    **{f"Status={status}": {"status": status} for status in SessionStatus},
    "Status and AccessType": {"status": SessionStatus.TERMINATED, "access_type": AccessType.STANDARD},
}
TIMES: dict[str, tuple[dict[str, Any], str]] = {
    "any time": ({}, ")"),
    "InvokedAfter": ({"invoked_after": Millis(5)}, " AND started_at>?)"),
    "InvokedBefore": ({"invoked_before": Millis(5)}, " AND started_at<?)"),
    "both": ({"invoked_after": Millis(1), "invoked_before": Millis(9)}, " AND started_at>? AND started_at<?)"),
}
WALKS_OF_STATES = {SessionState.ACTIVE: 4 * 2, SessionState.HISTORY: 2 * 2}
MERGING = {"MERGE (UNION ALL)", "LEFT", "RIGHT"}


@pytest.mark.parametrize("query", [ACTIVE, HISTORY], ids=["active", "history"])
@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("chosen", CHOICES)
@pytest.mark.parametrize("named", NAMED)
def test_every_combination_of_filters_is_walks_along_one_index_in_order(
    connection: sqlite3.Connection, query: SessionQuery, named: str, chosen: str, times: str
) -> None:
    (names, index), (bounds, range_of_index) = NAMED[named], TIMES[times]
    query = replace(query, **names, **CHOICES[chosen], **bounds)
    page = page_statement(query, None, 51)
    if page is None:
        assert query.status is not None
        assert (query.status in ENDED) is (query.state is SessionState.ACTIVE)
        return
    steps = [step for step in plan(connection, *page) if step not in MERGING]
    assert set(steps) == {f"SEARCH sessions USING INDEX {index}{range_of_index}"}
    fewer_statuses = 1 if query.status is None else WALKS_OF_STATES[query.state] // 2
    fewer_access_types = 1 if query.access_type is None else 2
    assert len(steps) == WALKS_OF_STATES[query.state] // fewer_statuses // fewer_access_types


@pytest.mark.parametrize("query", [ACTIVE, HISTORY], ids=["active", "history"])
@pytest.mark.parametrize("named", NAMED)
def test_a_later_page_starts_where_the_last_ended(
    connection: sqlite3.Connection, query: SessionQuery, named: str
) -> None:
    names, index = NAMED[named]
    page = page_statement(replace(query, **names, invoked_after=Millis(1)), BEHIND, 51)
    assert page is not None
    steps = {step for step in plan(connection, *page) if step not in MERGING}
    assert steps == {f"SEARCH sessions USING INDEX {index} AND started_at>? AND started_at<?)"}


@pytest.mark.parametrize("named", NAMED)
def test_a_session_id_is_looked_up(connection: sqlite3.Connection, named: str) -> None:
    page = page_statement(replace(HISTORY, **NAMED[named][0], session_id="x"), None, 51)
    assert page is not None
    assert plan(connection, *page) == ["SEARCH sessions USING INDEX sqlite_autoindex_sessions_1 (session_id=?)"]


def test_a_statement_is_built_once_for_each_combination_of_filters() -> None:
    first = page_statement(replace(HISTORY, target="mi-1"), BEHIND, 51)
    second = page_statement(
        replace(HISTORY, target="mi-2", ended_since=Millis(7)), replace(BEHIND, started_at=Millis(1)), 11
    )
    assert first is not None
    assert second is not None
    assert first[0] is second[0]
    assert first[1] != second[1]


def test_active_sessions_of_a_node_are_looked_up(connection: sqlite3.Connection) -> None:
    steps = plan(connection, active_on_statement(NodeId("mi-1")))
    assert steps == ["SEARCH sessions USING INDEX sessions_by_target (target=? AND status=?)"]


def test_the_sweep_reads_active_sessions_only(connection: sqlite3.Connection) -> None:
    assert plan(connection, due_statement(Millis(5), 10)) == [
        "SEARCH sessions USING INDEX sessions_due (deadline_at<?)"
    ]


def test_pruning_reads_what_it_deletes_only(connection: sqlite3.Connection) -> None:
    steps = plan(connection, prune_statement(Millis(5), 10))
    assert "SEARCH sessions USING COVERING INDEX sessions_ended_at (ended_at<?)" in steps
    assert not any(step.startswith("SCAN") or "TEMP B-TREE" in step for step in steps)


NODE_FILTERS: dict[str, tuple[NodeQuery, str]] = {
    "none": (ANY_NODE, "sqlite_autoindex_nodes_1 (node_id>?)"),
    "ids": (NodeQuery(((NodeMember.NODE_ID, ("a", "b")),)), "sqlite_autoindex_nodes_1 (node_id=?)"),
    "activation": (
        NodeQuery(((NodeMember.ACTIVATION_ID, ("a",)),)),
        "nodes_by_activation (activation_id=? AND node_id>?)",
    ),
    "role": (NodeQuery(((NodeMember.IAM_ROLE, ("a",)),)), "nodes_by_role (iam_role=? AND node_id>?)"),
    "version": (
        NodeQuery(((NodeMember.AGENT_VERSION, ("a",)),)),
        "nodes_by_agent_version (agent_version=? AND node_id>?)",
    ),
    "platform": (NodeQuery(((NodeMember.PLATFORM_TYPE, ("a",)),)), "sqlite_autoindex_nodes_1 (node_id>?)"),
}


@pytest.mark.parametrize("name", NODE_FILTERS)
def test_a_page_of_nodes_is_one_walk_in_order(connection: sqlite3.Connection, name: str) -> None:
    query, index = NODE_FILTERS[name]
    assert plan(connection, node_page_statement(query, NodeId("mi-5"), 51)) == [f"SEARCH nodes USING INDEX {index}"]


@pytest.mark.parametrize("after", [None, NodeId("mi-5")])
def test_nodes_with_a_tag_are_found_by_it(connection: sqlite3.Connection, after: NodeId | None) -> None:
    for query in (NodeQuery(tags=(("key", ("a", "b")),)), NodeQuery(tag_keys=(("a",),))):
        steps = plan(connection, node_page_statement(query, after, 51))
        assert steps[0].startswith("SEARCH nodes USING INDEX sqlite_autoindex_nodes_1 (node_id=?"), steps
        assert any("tags_by_key (resource_type=? AND key=?" in step for step in steps)
        assert not any(step.startswith("SCAN nodes") for step in steps)


@pytest.mark.parametrize("resource_type", [ResourceType.NODE, ResourceType.DOCUMENT])
def test_a_page_of_tagged_resources_is_one_walk_in_order(
    connection: sqlite3.Connection, resource_type: ResourceType
) -> None:
    for filters in ((), (("key", ("a", "b")),), (("key", ()), ("another", ("c",)))):
        steps = plan(connection, tagged_page_statement(resource_type, filters, "mi-5", 51))
        assert "resource_type=? AND resource_id" in steps[0], steps
        assert not any(step.startswith("SCAN") or "TEMP B-TREE" in step for step in steps), steps


def test_a_page_of_activations_is_one_walk_newest_first(connection: sqlite3.Connection) -> None:
    after = ActivationPosition(Millis(5), ActivationId("x"))
    assert plan(connection, activation_page_statement((), after, 51)) == [
        "SEARCH activations USING INDEX activations_by_age (created_at<?)"
    ]
    query = ((ActivationMember.DEFAULT_NODE_NAME, ("web",)),)
    assert plan(connection, activation_page_statement(query, after, 51)) == [
        "SEARCH activations USING INDEX activations_by_age (created_at<?)"
    ]


PENDING = frozenset({AccessRequestStatus.PENDING})
TWO = PENDING | {AccessRequestStatus.APPROVED}
ACCESS_FILTERS: dict[str, tuple[dict[str, str], str]] = {
    "nothing": ({}, "access_requests_by_status (status=?"),
    "requester": ({"requester_id": "AIDA1"}, "access_requests_by_requester (requester_id=? AND status=?"),
    "arn": ({"requester_arn": "arn:x"}, "access_requests_by_requester_arn (requester_arn=? AND status=?"),
    "node": ({"node_id": "mi-1"}, "access_request_nodes_by_node (node_id=? AND status=?"),
    "node and requester": (
        {"node_id": "mi-1", "requester_id": "AIDA1"},
        "access_request_nodes_by_requester (node_id=? AND requester_id=? AND status=?",
    ),
    "node and arn": (
        {"node_id": "mi-1", "requester_arn": "arn:x"},
        "access_request_nodes_by_requester_arn (node_id=? AND requester_arn=? AND status=?",
    ),
}


@pytest.mark.parametrize("statuses", [None, PENDING, TWO], ids=["any", "one", "two"])
@pytest.mark.parametrize("name", ACCESS_FILTERS)
def test_a_page_of_access_requests_merges_walks_along_one_index(
    connection: sqlite3.Connection, name: str, statuses: frozenset[AccessRequestStatus] | None
) -> None:
    named, index = ACCESS_FILTERS[name]
    if statuses is None and not named:
        return
    query = AccessRequestQuery(statuses, created_after=Millis(1), **named)  # type: ignore[arg-type]
    after = AccessRequestPosition(Millis(5), AccessRequestId("oi-1"))
    table = index.partition("_by_")[0]
    found = plan(connection, access_page_statement(query, after, 51))
    walks = [step for step in found if step.startswith(f"SEARCH {table} USING ") and "_by_" in step]
    assert walks == [f"SEARCH {table} USING COVERING INDEX {index} AND created_at>? AND created_at<?)"] * (
        len(AccessRequestStatus) if statuses is None else len(statuses)
    )
    # The page itself, at most, is sorted and looked up; no walk is.
    assert sum("TEMP B-TREE" in step for step in found) <= 1
    assert [step for step in found if step.startswith("SCAN")] == ["SCAN page"]


def test_all_access_requests_are_one_walk_newest_first(connection: sqlite3.Connection) -> None:
    after = AccessRequestPosition(Millis(5), AccessRequestId("oi-1"))
    assert plan(connection, access_page_statement(AccessRequestQuery(), after, 51)) == [
        "SEARCH access_requests USING INDEX access_requests_by_age (created_at<?)"
    ]


def test_the_sweep_reads_open_access_requests_only(connection: sqlite3.Connection) -> None:
    assert plan(connection, access_due_statement(Millis(5), 10)) == [
        "SEARCH access_requests USING INDEX access_requests_due (deadline_at<?)"
    ]


def test_a_persons_usage_is_counted_in_an_index(connection: sqlite3.Connection) -> None:
    steps = [step for step in plan(connection, usage_statement) if "sessions" in step]
    assert len(steps) == 3
    assert all("USING COVERING INDEX sessions_by_person (person_id=?" in step for step in steps)
