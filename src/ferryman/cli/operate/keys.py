"""`ferryman key …`: replaces the server's key without stopping it, and re-encrypts secrets."""

import base64
import fcntl
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from ferryman.bootstrap.configuration import KEY_BYTES, LoadedConfiguration, load
from ferryman.bootstrap.keys.server_keys import KEPT_AFTER, VARIABLE, ServerKeys, read_server_keys
from ferryman.bootstrap.operator import recorded, run_recorded
from ferryman.bootstrap.service import with_service
from ferryman.cli.options import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    OutputOption,
    QuietOption,
    WideOption,
    chosen_output,
)
from ferryman.cli.output.printing import print_lines
from ferryman.cli.output.tables import Column, print_listing
from ferryman.cli.program.commands import App
from ferryman.model.failures import Failure, counted
from ferryman.system.private_files import replace_content

app = App(help="Replace the server's key, on the server's machine.")


@app.command("new")
def new_key() -> None:
    """Print a new key, for keys that are not kept in a file."""
    print_lines(base64.b64encode(os.urandom(KEY_BYTES)).decode())


@app.command("list")
def list_keys(
    *,
    output: OutputOption = "table",
    wide: WideOption = False,
    quiet: QuietOption = False,
    json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """List the server's keys, and how many secrets in the database are encrypted with each."""
    how = chosen_output(output, wide=wide, json=json, quiet=quiet)
    loaded = load(config)
    keys = read_server_keys(loaded)
    counts = _counts(loaded)
    rows: list[dict[str, Any]] = [
        {"key_id": name, "state": _state(keys, index), "replaced": _iso(keys.replaced[index]), "secrets": counts[name]}
        for index, name in enumerate(keys.vault().key_ids)
    ]
    if counts[""]:
        rows.append({"key_id": None, "state": "sealed before keys had ids", "replaced": None, "secrets": counts[""]})
    print_listing(
        [Column("Key"), Column("State", is_state=True), Column("Replaced", rank=1), Column("Secrets")],
        ([row["key_id"] or "", row["state"], row["replaced"] or "", str(row["secrets"])] for row in rows),
        "There are no keys.",
        how,
        documents=lambda: rows,
    )


@app.command("rotate")
def rotate(
    *,
    stage: Annotated[
        bool,
        typer.Option("--stage", help="Only add the key, so that every server can decrypt what it will encrypt later."),
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Encrypt with a new key, or the staged one, from now on. The old keys still decrypt."""
    loaded = load(config)
    path = _key_file(loaded)
    with _alone(path):
        name = _rotate(loaded, path, stage=stage)
    _restart_service(path)
    if stage:
        print_lines(
            f"Added key {name}, which only decrypts. Copy {path} to every server, then run `ferryman key rotate`."
        )
    else:
        print_lines(f"Key {name} encrypts from now on. Copy {path} to every server, then run `ferryman key reseal`.")


def _rotate(loaded: LoadedConfiguration, path: Path, *, stage: bool) -> str:
    """Add a key, or use the staged one; return its id."""
    keys = read_server_keys(loaded)
    waiting = keys.waiting
    if stage and waiting is not None:
        raise Failure("There is a staged key already", "it does not encrypt yet", "Run `ferryman key rotate` to use it")
    key = os.urandom(KEY_BYTES) if waiting is None else waiting
    changed = keys.staged(key) if stage else keys.rotated(key, datetime.now(UTC))
    name = changed.vault().key_ids[-1 if stage else 0]
    with recorded(loaded, "key rotate", {"keyId": name, "stage": stage}):
        replace_content(path, changed.text().encode())
    return name


@app.command("reseal")
def reseal(*, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Encrypt every secret in the database with the current key. Servers may be running."""
    from ferryman.core.maintenance import resealing

    count = run_recorded(load(config), "key reseal", {}, resealing.reseal)
    print_lines(f"Resealed {count} secret{'' if count == 1 else 's'}.")


@app.command("retire")
def retire(
    *,
    now: Annotated[
        bool,
        typer.Option("--now", help="Do not wait: credentials and tokens encrypted with the old keys become invalid."),
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Remove the keys that were replaced, once nothing is encrypted with them. The audit trail still verifies."""
    loaded = load(config)
    path = _key_file(loaded)
    with _alone(path):
        retired = _retire(loaded, path, now=now)
    if retired:
        _restart_service(path)
    print_lines(f"Retired {retired}. Copy {path} to every server." if retired else "No key was replaced.")


def _retire(loaded: LoadedConfiguration, path: Path, *, now: bool) -> str:
    """Remove the keys that were replaced; return their ids, "" if there are none."""
    from ferryman.audit.pending import PURPOSE, reseal_pending

    keys = read_server_keys(loaded)
    replaced = {key: since for key, since in zip(keys.keys, keys.replaced, strict=True) if since is not None}
    if not replaced:
        return ""
    counts = _counts(loaded)
    names = dict(zip(keys.keys, keys.vault().key_ids, strict=True))
    held = sum(counts[names[key]] for key in replaced) + counts[""]
    if held:
        raise Failure(
            "The old keys are still needed",
            f"the database has {counted(held, 'secret')} encrypted with them",
            "Run `ferryman key reseal` first",
        )
    latest = max(replaced.values())
    if not now and datetime.now(UTC) < latest + KEPT_AFTER:
        raise Failure(
            "The old keys are still needed",
            f"credentials encrypted with them may be valid until {_iso(latest + KEPT_AFTER)}",
            "Wait until then, or invalidate them with --now",
        )
    retired = ", ".join(names[key] for key in replaced)
    with recorded(loaded, "key retire", {"keyIds": retired, "now": now}):
        directory = loaded.path(loaded.configuration.audit.directory)
        reseal_pending(directory, keys.vault().derive_all(PURPOSE))
        replace_content(path, keys.without(set(replaced)).text().encode())
    return retired


def _restart_service(path: Path) -> None:
    """Let the server of this machine's service read its new key: it has a copy, which only a restart replaces."""
    from ferryman.installation.services import SERVER_UNIT, restart_server
    from ferryman.installation.steps import NotInstalled

    try:
        if restart_server(path):
            print_lines(f"Restarted {SERVER_UNIT}, which reads its keys when it starts. Sessions resume.")
    except NotInstalled as error:
        advice = f"Run `systemctl restart {SERVER_UNIT}` now: until then it cannot open what the new key seals"
        raise Failure("The key was changed, but the server does not know it", str(error), advice) from error


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other commands from changing the keys meanwhile; raises Failure if one already is."""
    try:
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        advice = "Run this on the server's machine, as its user"
        raise Failure(f"The keys in {path} cannot be changed", error.strerror or str(error), advice) from error
    try:
        _lock(directory)
        yield
    finally:
        os.close(directory)


def _lock(directory: int) -> None:
    try:
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        advice = "Try again when it is done"
        raise Failure("The keys cannot be changed", "another command is changing them", advice) from error


def _counts(loaded: LoadedConfiguration) -> Counter[str]:
    from ferryman.core.maintenance import resealing

    return with_service(loaded, resealing.sealed_under)


def _key_file(loaded: LoadedConfiguration) -> Path:
    server = loaded.configuration.server
    if server.key_command or VARIABLE in os.environ:
        where = "server.key_command" if server.key_command else VARIABLE
        raise Failure(
            "The keys are not in a file",
            f"they come from {where}",
            "Change them there: put one from `ferryman key new` first, and append a space and the time to the old one",
        )
    return loaded.path(server.key_file)


def _state(keys: ServerKeys, index: int) -> str:
    if index == 0:
        return "seals"
    return "opens" if keys.replaced[index] is not None else "opens, staged"


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
