"""`ferryman audit verify`: a server's trail, the trails of several, or exported copies."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ferryman.bootstrap.configuration import LoadedConfiguration, load
from ferryman.bootstrap.keys.server_keys import read_server_keys
from ferryman.cli.operate.audit_exports import SHOWN_PROBLEMS, verify_copies
from ferryman.cli.operate.audit_trails import TrailsOption, chosen_trails
from ferryman.cli.options import DEFAULT_CONFIG, ConfigOption
from ferryman.cli.output.printing import print_error, print_lines
from ferryman.model.failures import Failure, counted

if TYPE_CHECKING:
    from ferryman.audit.several import CheckedTrail
    from ferryman.core.audit.chain import ChainLink, ChainVerification, Problem


def verify_trail(
    copies: Annotated[
        list[Path] | None,
        typer.Argument(help="Copies that `ferryman audit export` wrote, on any machine.", show_default=False),
    ] = None,
    *,
    trails: TrailsOption = None,
    public_key: Annotated[
        Path | None,
        typer.Option(
            "--public-key", help="A file with the server's public keys, to verify copies.", show_default=False
        ),
    ] = None,
    at_least: Annotated[
        int, typer.Option("--at-least", min=0, help="The number of a record that the trail is known to have reached.")
    ] = 0,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Check that no record was altered, removed or moved. Exits with 1 if one was.

    A copy needs neither the server's key nor its configuration. With --trail, every trail that the store knows must
    be there.
    """
    if bool(copies) != (public_key is not None):
        raise typer.BadParameter("copies and --public-key go together; directories of other servers need --trail")
    if trails and copies:
        raise typer.BadParameter("--trail and copies do not go together")
    if at_least and (trails or len(copies or ()) > 1):
        raise typer.BadParameter("--at-least is about one trail")
    if copies and public_key is not None:
        verify_copies(copies, public_key, at_least)
        return
    loaded = load(config)
    heads = _heads(loaded)  # before the trails are read, which may grow meanwhile
    if heads is None:
        print_error("Warning: the store cannot be read, so this does not show what is missing at a trail's end.")
    if trails:
        _verify_several(loaded, trails, heads)
    else:
        _verify_own(loaded, at_least, heads or {})


def _heads(loaded: LoadedConfiguration) -> "dict[str, ChainLink] | None":
    from ferryman.bootstrap.readiness import trail_heads
    from ferryman.core.audit.chain import ChainLink

    found = trail_heads(loaded)
    return None if found is None else {server: ChainLink(head.sequence, head.mac) for server, head in found.items()}


def _keys(loaded: LoadedConfiguration) -> list[bytes]:
    """Return the keys of the trail's codes, the current one first."""
    from ferryman.core.audit.chain import PURPOSE

    keys = read_server_keys(loaded)
    return [*keys.vault().derive_all(PURPOSE), *keys.audit_only]


def _verify_own(loaded: LoadedConfiguration, at_least: int, heads: "dict[str, ChainLink]") -> None:
    from ferryman.audit.reader import verify

    directory = loaded.path(loaded.configuration.audit.directory)
    key, *older = _keys(loaded)
    found, problems = verify(directory, key, at_least, older, heads.get(loaded.server_name), heads.values())
    _print_problems(problems)
    if problems:
        raise Failure(
            f"The audit trail in {directory} is not as the server wrote it",
            f"{counted(len(problems), 'problem')} in {counted(found.records, 'record')}",
            "Keep it as evidence, and compare it with a copy",
        )
    if found.deletion:
        print_lines(_deletion(found))
    print_lines(f"{_intact(found)}; {_end(found)}.")
    others = [name for name, head in heads.items() if name != loaded.server_name and head not in found.reached]
    if others:
        print_lines(
            f"The trails of other servers were not checked: {_named(others, heads)}. Run this on each of them, or add "
            "--trail DIRECTORY for each."
        )


def _verify_several(loaded: LoadedConfiguration, trails: Sequence[Path], heads: "dict[str, ChainLink] | None") -> None:
    from ferryman.audit.several import verify_several

    key, *older = keys = _keys(loaded)
    checked, missing = verify_several(chosen_trails(loaded, trails, keys), key, older, heads or {})
    for each in checked:
        _print_problems(each.problems, f"{each.trail.label}: ")
        print_lines(_told(each))
    for server in missing:
        print_lines(
            f"{server or 'a server without a name'}: its trail is not among these, {_last_known(server, heads)}."
        )
    bad = [each.trail.label for each in checked if each.problems]
    if bad or missing:
        told = [f"{', '.join(bad)} altered or incomplete"] if bad else []
        told += [f"{', '.join(each or 'one without a name' for each in missing)} missing"] if missing else []
        most = len(checked) + len(missing)
        raise Failure(
            f"{len(bad) + len(missing)} of {most} audit trails are not as the servers wrote them",
            "; ".join(told),
            "Keep them as evidence, and compare them with copies; --trail names the directory of one that is elsewhere",
        )


def _told(checked: "CheckedTrail") -> str:
    trail, found = checked.trail, checked.found
    where = f"{trail.label}: " + ("" if trail.label == str(trail.directory) else f"in {trail.directory}, ")
    if checked.problems:
        return f"{where}{counted(len(checked.problems), 'problem')} in {counted(found.records, 'record')}."
    deleted = f" {_deletion(found)}" if found.deletion else ""
    unnamed = " No checkpoint of it says which server's it is." if trail.server is None else ""
    return f"{where}{_intact(found)}; {_end(found)}.{deleted}{unnamed}"


def _print_problems(problems: "Sequence[Problem]", whose: str = "") -> None:
    for problem in problems[:SHOWN_PROBLEMS]:
        place = f"{problem.where}, line {problem.line}: " if problem.where else ""
        print_lines(f"{whose}{place}{problem.what}")


def _intact(found: "ChainVerification") -> str:
    return "1 record is intact" if found.records == 1 else f"{found.records} records are intact"


def _end(found: "ChainVerification") -> str:
    return f"the last is number {found.last.sequence}, {found.last.mac}"


def _deletion(found: "ChainVerification") -> str:
    return f"The server deleted records 1 to {found.deleted_to}, as its record {found.deletion} says."


def _last_known(server: str, heads: "dict[str, ChainLink] | None") -> str:
    return f"and the store knows of its records up to {(heads or {})[server].sequence}"


def _named(servers: Sequence[str], heads: "dict[str, ChainLink]") -> str:
    return ", ".join(f"{each or 'one without a name'} (up to record {heads[each].sequence})" for each in servers)
