"""`ferryman recordings list | search | show | play | export | verify | hold | release | delete`."""

import sys
from collections.abc import Iterator, Mapping
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from ferryman.cli.instants import FORMS, parse_instant, shown_length
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
from ferryman.cli.output.tables import Column, instant, print_json, print_listing
from ferryman.cli.program.commands import App
from ferryman.client.calls.api import Api, Connection, connect
from ferryman.client.calls.targets import find_node
from ferryman.client.recordings.asciicast import Heading, asciicast_v2, asciicast_v3, raw_output
from ferryman.client.recordings.events import recorded_events
from ferryman.client.recordings.plain_text import plain_text
from ferryman.model.failures import Failure

PAGE = 200
SERVICE = "ferryman"

app = App(help="List, search, play, export and verify recordings of sessions.")

SessionArgument = Annotated[str, typer.Argument(metavar="SESSION_ID", help="The session that was recorded.")]
TargetOption = Annotated[
    str | None, typer.Option("--target", help="Only sessions on this node, by id or name.", show_default=False)
]
OwnerOption = Annotated[
    str | None, typer.Option("--owner", help="Only sessions of this user, by ARN.", show_default=False)
]
AfterOption = Annotated[
    str | None, typer.Option("--after", help=f"Only sessions started after this time: {FORMS}.", show_default=False)
]
BeforeOption = Annotated[
    str | None, typer.Option("--before", help="Only sessions started before this time.", show_default=False)
]


class Format(StrEnum):
    """What `export` writes."""

    ASCIICAST_3 = "asciicast"
    ASCIICAST_2 = "asciicast-v2"
    TEXT = "text"
    RAW = "raw"


@app.command("list")
def list_recordings(
    *,
    target: TargetOption = None,
    owner: OwnerOption = None,
    after: AfterOption = None,
    before: BeforeOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Show at most this many, newest first.")] = 100,
    output: OutputOption = "table",
    wide: WideOption = False,
    quiet: QuietOption = False,
    json: JsonOption = False,
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """List recordings, newest first."""
    how = chosen_output(output, wide=wide, json=json, quiet=quiet)
    connection = Connection(profile, region, endpoint_url)
    members = {"MaxResults": min(limit, PAGE)} | _selection(connection, target, owner, after, before)
    rows = list(islice(connect(connection, SERVICE).pages("ListRecordings", "Recordings", **members), limit))
    print_listing(
        [
            Column("Session"),
            Column("Node"),
            Column("Owner", rank=2),
            Column("Started", rank=1),
            Column("Length", rank=3),
            Column("Size", rank=4),
        ],
        (
            [
                row["SessionId"],
                row["Target"],
                row["Owner"].rpartition("/")[2],
                instant(row, "StartDate"),
                _length(row),
                _size(row),
            ]
            for row in rows
        ),
        "No recordings match.",
        how,
        documents=lambda: rows,
    )


@app.command("search")
def search(
    phrase: Annotated[str, typer.Argument(metavar="PHRASE", help="Whole words that follow each other in one line.")],
    *,
    target: TargetOption = None,
    owner: OwnerOption = None,
    after: AfterOption = None,
    before: BeforeOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Show at most this many lines, newest first.")] = 50,
    json: JsonOption = False,
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Find lines that sessions showed, newest first.

    Below each line is the command that plays its recording from there.
    """
    connection = Connection(profile, region, endpoint_url)
    members = {"Phrase": phrase, "MaxResults": min(limit, PAGE)} | _selection(connection, target, owner, after, before)
    found = list(islice(connect(connection, SERVICE).pages("SearchRecordings", "Matches", **members), limit))
    if json:
        print_json(found)
        return
    if not found:
        print_lines("No recorded session that you may read showed this.")
    for match in found:
        person = match["Owner"].rpartition("/")[2]
        print_lines(
            f"{instant(match, 'Date')}   {person} on {match['Target']}",
            f"   {match['Line']}",
            f"   ferryman recordings play {match['SessionId']} --at {match['At'] / 1000:g}",
        )


@app.command("show")
def show(
    session_id: SessionArgument,
    *,
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Show what is known about a recording, as JSON."""
    print_json(_recording(_api(profile, region, endpoint_url), session_id))


@app.command("play")
def play(
    session_id: SessionArgument,
    *,
    speed: Annotated[float, typer.Option("--speed", min=0.0625, max=64, help="Times the original speed.")] = 1.0,
    idle_limit: Annotated[float, typer.Option("--idle-limit", min=0, help="Cut pauses to this many seconds.")] = 2.0,
    at: Annotated[float, typer.Option("--at", min=0, help="Begin at this second of the recording.")] = 0.0,
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Play a recording in this terminal.

    Space pauses, . shows the next step, the arrow keys go 5 seconds back and forward, [ and ] to the marker before and
    after, + and - change the speed, q quits.
    """
    from ferryman.cli.manage.recording_player import play as play_events

    api = _api(profile, region, endpoint_url)
    _recording(api, session_id)
    play_events(lambda: recorded_events(api, session_id), speed=speed, longest_pause=idle_limit, start_at=at)


@app.command("export")
def export(
    session_id: SessionArgument,
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The file to write; - for standard output.", dir_okay=False)
    ] = Path("-"),
    form: Annotated[Format, typer.Option("--format", help="asciicast is version 3.")] = Format.ASCIICAST_3,
    include_input: Annotated[
        bool, typer.Option("--include-input", help="Also what was typed, if it was recorded.")
    ] = False,
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Write a recording as a file that asciinema plays, as plain text, or as the raw bytes that were shown."""
    api = _api(profile, region, endpoint_url)
    recording = _recording(api, session_id)
    events = recorded_events(api, session_id, include_input=include_input)
    heading = Heading(f"{recording['SessionId']} on {recording['Target']}", recording["StartDate"])
    content: Iterator[bytes]
    match form:
        case Format.RAW:
            content = raw_output(events)
        case Format.TEXT:
            content = (line.encode() for line in plain_text(events))
        case Format.ASCIICAST_2:
            content = (line.encode() for line in asciicast_v2(heading, events))
        case Format.ASCIICAST_3:
            content = (line.encode() for line in asciicast_v3(heading, events))
    if str(output) == "-":
        sys.stdout.buffer.writelines(content)
        sys.stdout.buffer.flush()
        return
    try:
        with output.open("xb") as file:
            file.writelines(content)
    except FileExistsError as error:
        raise Failure(f"{output} exists already", "it is not overwritten", "Name another file") from error
    print_error(f"Wrote {output}")


@app.command("verify")
def verify(
    session_ids: Annotated[list[str], typer.Argument(metavar="SESSION_ID...", help="The recordings to check.")],
    *,
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Check that recordings are what the server wrote: nothing altered, removed, swapped or added."""
    api = _api(profile, region, endpoint_url)
    damaged = 0
    for session_id in session_ids:
        answer = api.call("VerifyRecording", SessionId=session_id)
        damaged += not answer["Intact"]
        finding = "intact" if answer["Intact"] else f"DAMAGED, {answer.get('Problem', '')}"
        print_lines(f"{session_id}: {finding}")
    if damaged:
        raise typer.Exit(1)


@app.command("delete")
def delete(
    session_ids: Annotated[list[str], typer.Argument(metavar="SESSION_ID...", help="The recordings to delete.")],
    *,
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Delete recordings for good. Who deleted them is in the audit trail."""
    api = _api(profile, region, endpoint_url)
    for session_id in session_ids:
        api.call("DeleteRecording", SessionId=session_id)
        print_lines(f"Deleted the recording of {session_id}")


@app.command("hold")
def hold(
    session_ids: Annotated[list[str], typer.Argument(metavar="SESSION_ID...", help="The recordings to keep.")],
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why, such as a case number; at most 256 characters.")],
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Keep recordings until they are released: nobody can delete them, nor does their age."""
    api = _api(profile, region, endpoint_url)
    for session_id in session_ids:
        api.call("PutRecordingHold", SessionId=session_id, Reason=reason)
        print_lines(f"Held the recording of {session_id}")


@app.command("release")
def release(
    session_ids: Annotated[list[str], typer.Argument(metavar="SESSION_ID...", help="The recordings that are held.")],
    *,
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Release recordings that were held."""
    api = _api(profile, region, endpoint_url)
    for session_id in session_ids:
        api.call("DeleteRecordingHold", SessionId=session_id)
        print_lines(f"Released the recording of {session_id}")


def _selection(
    connection: Connection, target: str | None, owner: str | None, after: str | None, before: str | None
) -> dict[str, object]:
    """Return the members that select recordings, without those that were not asked for."""
    members: dict[str, object] = {
        "Target": None if target is None else find_node(connect(connection), target).node_id,
        "Owner": owner,
        "StartedAfter": parse_instant("--after", after),
        "StartedBefore": parse_instant("--before", before),
    }
    return {name: value for name, value in members.items() if value is not None}


def _api(profile: str | None, region: str | None, endpoint_url: str | None) -> Api:
    return connect(Connection(profile, region, endpoint_url), SERVICE)


def _recording(api: Api, session_id: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = api.call("GetRecording", SessionId=session_id)["Recording"]
    return found


def _length(row: Mapping[str, Any]) -> str:
    if row["Status"] != "Finished":
        return "recording"
    return shown_length(row["DurationMillis"] / 1000)


def _size(row: Mapping[str, Any]) -> str:
    return f"{row['Size'] / 1024:,.1f} KiB" if "Size" in row else ""
