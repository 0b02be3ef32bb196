"""`ferryman doctor`: in plain words, why a client or a node cannot connect."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ferryman.cli.doctor.client import CheckResult, Finding, examine_client, examine_node
from ferryman.cli.operate.agent import StateOption, default_state_dir
from ferryman.cli.options import EndpointOption, JsonOption, ProfileOption, RegionOption
from ferryman.cli.output.printing import print_lines
from ferryman.cli.output.tables import print_json
from ferryman.client.calls.api import Connection

_SIGNS = {CheckResult.GOOD: "ok", CheckResult.DOUBTFUL: "??", CheckResult.BAD: "NO", CheckResult.SKIPPED: "--"}


def command(
    *,
    target: Annotated[
        str | None,
        typer.Option("--target", help="A node that a session should reach, by id, name or tag.", show_default=False),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="Also check this server configuration.", show_default=False)
    ] = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Check what a session needs, and explain what is wrong and how to fix it. Exits with 1 if anything is wrong.

    Always checks the client's side. Also checks this machine's agent if it is registered here or you specify
    --state-dir, and a server's files if you specify --config.
    """
    findings = examine_client(Connection(profile, region, endpoint_url), target, is_server=config is not None)
    where = state_dir or default_state_dir()
    if state_dir is not None or (where / "registration.json").exists():
        findings += examine_node(where)
    if config is not None:
        from ferryman.cli.doctor.server import examine_server_files  # needs the server's packages

        findings += examine_server_files(config, datetime.now(UTC))
    report(findings, as_json=json)


def report(findings: Sequence[Finding], *, as_json: bool = False) -> None:
    """Print findings; exits with 1 if anything is wrong."""
    if as_json:
        print_json([finding.as_members() for finding in findings])
    else:
        for finding in findings:
            print_lines(_line(finding))
    if any(finding.verdict is CheckResult.BAD for finding in findings):
        raise typer.Exit(1)


def _line(finding: Finding) -> str:
    text = f"[{_SIGNS[finding.verdict]}] {finding.subject}: {finding.said}"
    return f"{text}. {finding.advice}." if finding.advice else f"{text}."
