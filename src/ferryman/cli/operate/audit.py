"""`ferryman audit list | sessions | verify | export | public-key | sinks | retire`: what happened, and who did it."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Annotated, Any

import typer
from msgspec import structs

from ferryman.bootstrap.configuration import load
from ferryman.cli.instants import FORMS, ShownTimes, parse_instant
from ferryman.cli.operate.audit_exports import export_trail, print_public_keys
from ferryman.cli.operate.audit_sessions import list_sessions
from ferryman.cli.operate.audit_trails import TrailsOption, chosen_trails, retire_trail
from ferryman.cli.operate.audit_verification import verify_trail
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
from ferryman.cli.program.commands import App
from ferryman.model.values.timestamps import from_millis, iso_millis, parse_iso

app = App(help="Read and verify the audit trail, on the server's machine.")
app.command("sessions")(list_sessions)
app.command("verify")(verify_trail)
app.command("public-key")(print_public_keys)
app.command("export")(export_trail)
app.command("retire")(retire_trail)

Record = Mapping[str, Any]
Records = Iterator[tuple[str, Record]]
"""Each with what tells its trail from others."""
Test = Callable[[Record], bool]


@app.command("list")
def list_records(
    *,
    user: Annotated[
        str | None,
        typer.Option("--user", help="Only this user or node, by name, ARN or access key id.", show_default=False),
    ] = None,
    event: Annotated[
        str | None,
        typer.Option("--event", help="Only eventNames or detail-types that begin with this.", show_default=False),
    ] = None,
    session: Annotated[str | None, typer.Option("--session", help="Only this session.", show_default=False)] = None,
    since: Annotated[
        str | None, typer.Option("--since", help=f"Only at or after this time: {FORMS}.", show_default=False)
    ] = None,
    until: Annotated[str | None, typer.Option("--until", help="Only before this time.", show_default=False)] = None,
    errors: Annotated[bool, typer.Option("--errors", help="Only calls that were refused or failed.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Show at most this many, newest first.")] = 100,
    trails: TrailsOption = None,
    utc: UtcOption = False,
    output: OutputOption = "table",
    wide: WideOption = False,
    json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """List calls, who made them, and events of sessions and nodes, newest first."""
    from ferryman.audit.several import merged_newest_first

    how = chosen_output(output, wide=wide, json=json, quiet=False)
    earliest, latest = _instant("--since", since), _instant("--until", until)
    chosen = chosen_trails(load(config), trails)
    records = _between(merged_newest_first(chosen), earliest, latest)
    found = list(islice(records_of(records, user=user, event=event, session=session, errors=errors), limit))
    several = len(chosen) > 1
    times = ShownTimes(utc=utc, for_programs=how == "csv")
    shown = [[*_row(record, times), *([server] if several else [])] for server, record in found]
    columns = [
        Column(times.heading("Time")),
        Column("Who"),
        Column("Event", is_prose=True),
        Column("On", rank=1),
        Column("From", rank=2),
        Column("Result", rank=0, is_prose=True, is_state=True),
        *([Column("Server")] if several else []),
    ]
    documents = [{**record, "server": server} if several else record for server, record in found]
    print_listing(columns, shown, "No records match.", how, documents=lambda: documents)


@app.command("sinks")
def list_sinks(
    *,
    utc: UtcOption = False,
    output: OutputOption = "table",
    wide: WideOption = False,
    quiet: QuietOption = False,
    json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Show how far each of the trail's sinks has got. Exits with 1 if delivery to one of them is failing."""
    from ferryman.audit.reader import last_link
    from ferryman.audit.sinks.position import position_path, read_position
    from ferryman.bootstrap.audit.sinks import sink_names

    how = chosen_output(output, wide=wide, json=json, quiet=quiet)
    loaded = load(config)
    directory = loaded.path(loaded.configuration.audit.directory)
    last = last_link(directory).sequence
    found = [(name, read_position(position_path(directory, name))) for name in sink_names(loaded)]
    times = ShownTimes(utc=utc, for_programs=how == "csv")
    rows = [
        [
            name,
            str(position.sequence),
            str(max(0, last - position.sequence)),
            times.cell(from_millis(position.delivered_at)) if position.delivered_at else "",
            position.failure or "ok",
        ]
        for name, position in found
    ]
    print_listing(
        [
            Column("Sink"),
            Column("Delivered"),
            Column("Waiting", rank=1),
            Column(times.heading("Last delivery"), rank=2),
            Column("State", is_prose=True, is_state=True),
        ],
        rows,
        "The trail has no sinks: audit.webhook and audit.s3 are not set.",
        how,
        documents=lambda: [
            {"sink": name, "last_sequence": last, **structs.asdict(position)} for name, position in found
        ],
    )
    if any(position.failure for _, position in found):
        raise typer.Exit(1)


def records_of(
    records: Records,
    *,
    user: str | None = None,
    event: str | None = None,
    session: str | None = None,
    errors: bool = False,
) -> Records:
    """Yield the records that match all of these options, each with its server."""
    tests = _tests(user, event, session, errors=errors)
    return ((server, record) for server, record in records if all(test(record) for test in tests))


def _tests(user: str | None, event: str | None, session: str | None, *, errors: bool) -> list[Test]:
    tests: list[Test] = []
    if user is not None:
        tests.append(lambda record: user in _names(record))
    if event is not None:
        tests.append(lambda record: _event(record).startswith(event))
    if session is not None:
        tests.append(lambda record: session in _sessions(record))
    if errors:
        tests.append(lambda record: "errorCode" in record)
    return tests


def _between(records: Records, earliest: str | None, latest: str | None) -> Records:
    """Yield the records in a time span. The clock may have been set back, so it never stops early."""
    for server, record in records:
        time = _time(record)
        if (earliest is None or time >= earliest) and (latest is None or time < latest):
            yield server, record


def _row(record: Record, times: ShownTimes) -> list[str]:
    detail = _mapping(record, "detail")
    result = record.get("errorCode") or detail.get("status") or detail.get("state") or "ok"
    if detail.get("details"):
        result = f"{result}: {detail['details']}"
    where = record.get("sourceIPAddress") or detail.get("sourceIPAddress") or ""
    return [_shown(_time(record), times), _who(record), _event(record), _object(record), str(where), str(result)]


def _mapping(record: Record, name: str) -> Record:
    """Return a member's members, empty if it is not an object: anybody may have written the file."""
    found = record.get(name)
    return found if isinstance(found, dict) else {}


def _owner(record: Record) -> str:
    return str(_mapping(record, "detail").get("owner") or "")


def _time(record: Record) -> str:
    return str(record.get("eventTime") or record.get("time") or "")


def _event(record: Record) -> str:
    return str(record.get("eventName") or record.get("detail-type") or "")


def _who(record: Record) -> str:
    identity = _mapping(record, "userIdentity")
    named = identity.get("userName") or identity.get("principalId") or identity.get("accessKeyId")
    return str(named or _owner(record).rpartition("/")[2])


def _names(record: Record) -> set[str]:
    identity, owner = _mapping(record, "userIdentity"), _owner(record)
    told = (identity.get(name) for name in ("userName", "principalId", "arn", "accessKeyId"))
    return {str(each) for each in told if each} | ({owner, owner.rpartition("/")[2]} if owner else set())


def _members(record: Record) -> list[Record]:
    found = [record.get(name) for name in ("requestParameters", "responseElements", "detail")]
    found.append(_mapping(record, "responseElements").get("keyMetadata"))
    return [each for each in found if isinstance(each, dict)]


_SESSION_OF_KEY = "aws:ssm:SessionId"
"""In the encryption context of the data key of a session."""


def _sessions(record: Record) -> set[str]:
    """The sessions that a record is about; an agent's channel is named as its session, a data key by its context."""
    named = {str(each[name]) for each in _members(record) for name in ("sessionId", "channelId") if name in each}
    context = _mapping(_mapping(record, "requestParameters"), "encryptionContext")
    return named | ({str(context[_SESSION_OF_KEY])} if _SESSION_OF_KEY in context else set())


def _object(record: Record) -> str:
    names = (
        "sessionId",
        "target",
        "instanceId",
        "name",
        "userName",
        "roleName",
        "activationId",
        "resourceId",
        "accessKeyId",
        "aliasName",
        "keyId",
    )
    found = (each[name] for each in _members(record) for name in names if isinstance(each.get(name), str))
    return next(found, "")


def _shown(time: str, times: ShownTimes) -> str:
    try:
        return times.cell(parse_iso(time))
    except ValueError:
        return time


def _instant(option: str, text: str | None) -> str | None:
    """Return a time as records have it; a local time given without a zone becomes the instant."""
    moment = parse_instant(option, text)
    return None if moment is None else iso_millis(moment)
