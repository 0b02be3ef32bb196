"""`ferryman sessions list | history | show | watch | end`."""

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Annotated, Literal

import typer

from ferryman.cli.instants import FORMS, parse_instant
from ferryman.cli.options import (
    EndpointOption,
    JsonOption,
    OutputOption,
    ProfileOption,
    QuietOption,
    RegionOption,
    WideOption,
    chosen_output,
)
from ferryman.cli.output.printing import print_error, print_lines
from ferryman.cli.output.tables import Column, Output, instant, print_json, print_listing
from ferryman.cli.program.commands import App
from ferryman.client.calls.api import Connection, Refused, connect
from ferryman.client.calls.targets import find_node
from ferryman.model.failures import Failure
from ferryman.model.values.text import printable
from ferryman.model.values.timestamps import iso_seconds

PAGE = 200
"""The most rows on one page of DescribeSessions."""
LIMIT = 100
_NONE = {"Active": "There are no active sessions.", "History": "No session has ended yet."}
_NO_MATCH = {"Active": "No active sessions match.", "History": "No ended sessions match."}

app = App(help="List, watch and end sessions.", invoke_without_command=True, no_args_is_help=False)

TargetOption = Annotated[
    str | None,
    typer.Option("--target", help="Only sessions on this node, by id, name or tag:KEY=VALUE.", show_default=False),
]
OwnerOption = Annotated[
    str | None, typer.Option("--owner", help="Only sessions of this user, by ARN or name.", show_default=False)
]
StatusOption = Annotated[
    Literal["Connecting", "Connected", "Disconnected", "Terminating", "Terminated", "Failed"] | None,
    typer.Option("--status", help="Only sessions with this status.", show_default=False),
]
SessionOption = Annotated[str | None, typer.Option("--session-id", help="Only this session.", show_default=False)]
AfterOption = Annotated[
    str | None,
    typer.Option("--after", help=f"Only sessions started at or after this time: {FORMS}.", show_default=False),
]
BeforeOption = Annotated[
    str | None, typer.Option("--before", help="Only sessions started before this time.", show_default=False)
]
SessionArgument = Annotated[str, typer.Argument(metavar="SESSION_ID", help="The session.")]
AccessTypeOption = Annotated[
    Literal["Standard", "JustInTime"] | None,
    typer.Option("--access-type", help="Only sessions with this kind of access.", show_default=False),
]
LimitOption = Annotated[int, typer.Option("--limit", min=1, help="Show at most this many, newest first.")]


def _listing(state: str) -> Callable[..., None]:
    """Return the command that lists sessions of this State of DescribeSessions."""

    def show(
        *,
        target: TargetOption = None,
        owner: OwnerOption = None,
        status: StatusOption = None,
        session_id: SessionOption = None,
        after: AfterOption = None,
        before: BeforeOption = None,
        access_type: AccessTypeOption = None,
        limit: LimitOption = LIMIT,
        output: OutputOption = "table",
        wide: WideOption = False,
        quiet: QuietOption = False,
        json: JsonOption = False,
        profile: ProfileOption = None,
        region: RegionOption = None,
        endpoint_url: EndpointOption = None,
    ) -> None:
        how = chosen_output(output, wide=wide, json=json, quiet=quiet)
        filters = _filters(target, owner, status, session_id, after, before, access_type)
        _show(Connection(profile, region, endpoint_url), state, filters, limit, how)

    return show


@app.callback()
def command(context: typer.Context) -> None:
    """List active sessions, newest first, as `ferryman sessions list`."""
    if context.invoked_subcommand is None:
        _show(Connection(), "Active", [], LIMIT, "table")


app.command("list", help="List active sessions, newest first.")(_listing("Active"))
app.command("history", help="List ended sessions, newest first.")(_listing("History"))


@app.command("show")
def show(
    session_id: SessionArgument,
    *,
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Show what is known about a session, as JSON: who watches it, what it copies, which connections it had."""
    from ferryman.cli.manage.session_traffic import session_traffic

    connection = Connection(profile, region, endpoint_url)
    api = connect(connection)
    for state in ("Active", "History"):
        filters = [{"key": "SessionId", "value": session_id}]
        found = api.call("DescribeSessions", State=state, Filters=filters)["Sessions"]
        if found:
            traffic = session_traffic(connection, found[0])
            print_json({**found[0], **traffic, **_watchers(connection, session_id, state)})
            return
    raise Failure(f"There is no session {session_id}", "it is neither active nor among the ended ones that are kept")


def _watchers(connection: Connection, session_id: str, state: str) -> Mapping[str, object]:
    """Return who watches an active session, nothing if the caller may not know."""
    if state != "Active":
        return {}
    try:
        return {"Watchers": connect(connection, "ferryman").call("ListWatchers", SessionId=session_id)["Watchers"]}
    except Refused:
        return {}


@app.command("watch")
def watch(
    session_id: SessionArgument,
    *,
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Watch a session live, from the screen as it is now. The person whose session it is gets a notice.

    Nothing you type reaches the session. q stops watching.
    """
    from ferryman.cli.event_loop import run_to_end
    from ferryman.cli.manage.session_watch import show as show_session

    api = connect(Connection(profile, region, endpoint_url), "ferryman")
    grant = api.call("WatchSession", SessionId=session_id)
    reason = run_to_end(show_session(api, session_id, grant))
    if reason is not None:
        print_error(f"{session_id} has ended. {printable(reason)}".rstrip())


@app.command("end")
def end(
    session_ids: Annotated[list[str], typer.Argument(metavar="SESSION_ID...", help="The sessions to end.")],
    *,
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """End sessions. The shell on the node and everything it started end too."""
    api = connect(Connection(profile, region, endpoint_url))
    for session_id in session_ids:
        answer = api.call("TerminateSession", SessionId=session_id)
        print_lines(f"Terminating {answer['SessionId']}")


app.command("terminate", help="The same as `end`.")(end)


def _filters(
    target: str | None,
    owner: str | None,
    status: str | None,
    session_id: str | None,
    after: str | None,
    before: str | None,
    access_type: str | None,
) -> list[dict[str, str]]:
    values = {
        "Target": target,
        "Owner": owner,
        "Status": status,
        "SessionId": session_id,
        "InvokedAfter": _instant("--after", after),
        "InvokedBefore": _instant("--before", before),
        "AccessType": access_type,
    }
    return [{"key": key, "value": value} for key, value in values.items() if value is not None]


def _instant(option: str, text: str | None) -> str | None:
    """A local time given without a zone becomes the instant that the server understands."""
    moment = parse_instant(option, text)
    return None if moment is None else iso_seconds(moment)


def _show(connection: Connection, state: str, filters: list[dict[str, str]], limit: int, how: Output) -> None:
    api = connect(connection)
    for each in filters:
        if each["key"] == "Target":
            each["value"] = find_node(api, each["value"]).node_id
    members = {"Filters": filters} if filters else {}
    found = api.pages("DescribeSessions", "Sessions", State=state, MaxResults=min(limit, PAGE), **members)
    rows = list(islice(found, limit))
    ended = state == "History"
    last = [Column("Ended", rank=2), Column("Details", rank=3, is_prose=True)]
    print_listing(
        [
            Column("Session"),
            Column("Node"),
            Column("Status", is_state=True),
            Column("Owner", rank=2 if ended else 1),
            Column("Started", rank=1 if ended else 2),
            *(last if ended else [Column("Reason", rank=3, is_prose=True)]),
        ],
        (
            [
                row["SessionId"],
                row["Target"],
                row["Status"],
                row["Owner"].rpartition("/")[2],
                instant(row, "StartDate"),
                *([instant(row, "EndDate"), row.get("Details", "")] if ended else [row.get("Reason", "")]),
            ]
            for row in rows
        ),
        (_NO_MATCH if filters else _NONE)[state],
        how,
        documents=lambda: rows,
    )
