"""`ferryman audit sessions`: one line for each session in the audit trail."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ferryman.bootstrap.configuration import LoadedConfiguration, load
from ferryman.bootstrap.service import with_service
from ferryman.cli.instants import FORMS, ShownTimes, parse_instant, shown_length
from ferryman.cli.operate.audit_trails import TrailsOption, chosen_trails
from ferryman.cli.options import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    OutputOption,
    QuietOption,
    UtcOption,
    WideOption,
    chosen_output,
)
from ferryman.cli.output.tables import Column, print_listing
from ferryman.model.failures import Failure
from ferryman.model.identifiers import NODE_ID_PATTERN
from ferryman.model.values.timestamps import iso_millis

if TYPE_CHECKING:
    from ferryman.audit.sessions import RecordedSession
    from ferryman.core.service import Service

NAMESAKES = 1000
"""The most nodes of one name whose sessions are looked for."""


def list_sessions(
    *,
    user: Annotated[
        str | None, typer.Option("--user", help="Only sessions of this user, by name or ARN.", show_default=False)
    ] = None,
    node: Annotated[
        str | None, typer.Option("--node", help="Only sessions on this node, by id or name.", show_default=False)
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", help=f"Only sessions that were open at or after this time: {FORMS}.", show_default=False
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="Only sessions that started before this time.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Show at most this many, newest first.")] = 100,
    trails: TrailsOption = None,
    utc: UtcOption = False,
    output: OutputOption = "table",
    wide: WideOption = False,
    quiet: QuietOption = False,
    json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """List sessions, newest first: whose, on which node, how long, and how they ended."""
    from ferryman.audit.sessions import recorded_sessions
    from ferryman.audit.several import CLOCKS_DIFFER, merged_newest_first

    how = chosen_output(output, wide=wide, json=json, quiet=quiet)
    earliest, latest = parse_instant("--since", since), parse_instant("--until", until)
    loaded = load(config)
    chosen = chosen_trails(loaded, trails)
    nodes = None if node is None else _node_ids(loaded, node)

    def matching() -> Iterator["RecordedSession"]:
        records = (record for _, record in merged_newest_first(chosen))
        for session in recorded_sessions(records, CLOCKS_DIFFER if len(chosen) > 1 else timedelta()):
            if user is not None and user not in (session.owner, session.person):
                continue
            if (nodes is None or session.target in nodes) and session.was_open(earliest, latest):
                yield session

    found = list(islice(matching(), limit))
    times = ShownTimes(utc=utc, for_programs=how == "csv")
    rows = [_row(session, times) for session in found]
    print_listing(
        [
            Column("Session", rank=1),
            Column("Who"),
            Column("Node"),
            Column(times.heading("Started")),
            Column("Length"),
            Column("End", is_prose=True),
            Column("Recording", rank=2),
            Column("Exit code", rank=3),
            Column("Document", rank=3),
            Column("From", rank=4),
            Column("Reason", rank=5, is_prose=True),
        ],
        rows,
        "The audit trail has no sessions that match.",
        how,
        documents=lambda: [_document(session) for session in found],
    )


def _node_ids(loaded: LoadedConfiguration, node: str) -> set[str]:
    """Return the ids of the nodes that `node` names: an id itself, or what the store knows."""
    if NODE_ID_PATTERN.fullmatch(node):
        return {node}
    from ferryman.core.ports.nodes import NodeMember, NodeQuery

    async def work(service: "Service") -> set[str]:
        queries = NodeQuery(names=((node,),)), NodeQuery(members=((NodeMember.COMPUTER_NAME, (node,)),))
        return {each.node_id for query in queries for each in await service.store.nodes.page(query, None, NAMESAKES)}

    found = with_service(loaded, work)
    if not found:
        raise Failure(
            f"No registered node is named {node!r}",
            "the audit trail has ids of nodes, and names are known only while a node is registered",
            "Name the node by its id",
        )
    return found


def _row(session: "RecordedSession", times: ShownTimes) -> list[str]:
    return [
        session.session_id,
        session.person,
        session.target,
        times.cell(session.started_at),
        "" if session.seconds is None else shown_length(session.seconds),
        _end(session),
        {"Finished": "yes", "Deleted": "deleted"}.get(session.recording, ""),
        "" if session.exit_code is None else str(session.exit_code),
        session.document,
        session.client_address,
        session.reason,
    ]


def _end(session: "RecordedSession") -> str:
    if session.details.startswith(session.status):  # "Terminated by arn:…"
        return session.details
    return f"{session.status}: {session.details}" if session.details else session.status


def _document(session: "RecordedSession") -> dict[str, Any]:
    started_at, ended_at = session.started_at, session.ended_at
    return {
        "sessionId": session.session_id,
        "owner": session.owner,
        "target": session.target,
        "documentName": session.document,
        "reason": session.reason,
        "accessType": session.access_type,
        "startDate": None if started_at is None else iso_millis(started_at),
        "endDate": None if ended_at is None else iso_millis(ended_at),
        "status": session.status,
        "details": session.details,
        "sourceIPAddress": session.client_address,
        "recording": session.recording or None,
        "exitCode": session.exit_code,
        "connections": session.connections,
        "bytesFromClient": session.bytes_from_client,
        "bytesFromNode": session.bytes_from_node,
        "copy": session.copy,
    }
