"""`ferryman server install | uninstall` and `ferryman agent install | uninstall`: systemd services of this machine."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from ferryman.cli.output.plain import typer
from ferryman.cli.output.printing import print_lines
from ferryman.installation import machine
from ferryman.installation.services import AGENT_STATE, CONFIGURATION, SystemdService, agent_service, server_service
from ferryman.installation.steps import NotInstalled, Step, Systemctl
from ferryman.model.failures import Failure, said_by

RootOption = Annotated[
    Path,
    typer.Option(
        "--root",
        help="The root of another file system, such as an image's.",
        exists=True,
        file_okay=False,
        show_default=False,
    ),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only print what would be done; needs no root.")]
ProgramOption = Annotated[
    Path | None,
    typer.Option("--program", help="The `ferryman` that the service runs; this one by default.", show_default=False),
]
StartOption = Annotated[
    bool,
    typer.Option(
        "--start", help="Also start the service, now and at every boot; one that runs is restarted if this changes it."
    ),
]
PurgeOption = Annotated[bool, typer.Option("--purge", help="Also remove everything the service has stored.")]
_HERE = Path("/")


def install_server(
    *,
    start: StartOption = False,
    dry_run: DryRunOption = False,
    program: ProgramOption = None,
    root: RootOption = _HERE,
) -> None:
    """Install the server as a systemd service: an account, directories, and a hardened unit. Needs root; repeatable."""
    service = server_service(_program(program, root, homes_hidden=True))
    configuration = root / CONFIGURATION.relative_to("/") / "ferryman.toml"
    if start and not dry_run and not configuration.exists():
        raise Failure(
            "The server cannot be started", f"{configuration} does not exist", "Run this without --start first"
        )
    _install(service, start, dry_run, root)
    if dry_run or start:
        return
    if not configuration.exists():
        print_lines("", "Set the server up, then start it:", "")
        print_lines("  ferryman init --system --listen 0.0.0.0:7330 --public-host HOST --tls")
        print_lines("  ferryman server install --start")
    else:
        print_lines("", f"Start it with `ferryman server install --start` or `systemctl enable --now {service.unit}`.")


def uninstall_server(*, purge: PurgeOption = False, dry_run: DryRunOption = False, root: RootOption = _HERE) -> None:
    """Stop the server's service and remove its unit. Configuration, database, keys and audit trail stay."""
    _uninstall(server_service(machine.this_program()), purge, dry_run, root)
    if not purge and not dry_run:
        print_lines("Its account, configuration, data and audit trail stay; --purge removes them.")


def install_agent(
    *,
    user: Annotated[
        str | None,
        typer.Option(
            "--user",
            help="Run the agent, and so every session, as this account, without any privilege; root by default.",
            show_default=False,
        ),
    ] = None,
    start: StartOption = False,
    dry_run: DryRunOption = False,
    program: ProgramOption = None,
    root: RootOption = _HERE,
) -> None:
    """Install the agent as a systemd service. Needs root; repeatable. Sessions run as ssm-user unless set otherwise."""
    service = agent_service(_program(program, root, homes_hidden=False, of_root=user is None), user)
    registration = root / AGENT_STATE.relative_to("/") / "registration.json"
    if start and not dry_run and not registration.exists():
        raise Failure(
            "The agent cannot be started",
            f"{registration} does not exist",
            "Run this without --start, then register with `ferryman agent register`",
        )
    _install(service, start, dry_run, root)
    if dry_run or start:
        return
    if not registration.exists():
        print_lines("", "Register this machine, then start the agent:", "")
        print_lines(f"  ferryman agent register --state-dir {AGENT_STATE} --endpoint-url URL --activation-id ID")
        print_lines("  ferryman agent install --start" + (f" --user {user}" if user else ""))
    else:
        print_lines("", f"Start it with `systemctl enable --now {service.unit}`.")


def uninstall_agent(*, purge: PurgeOption = False, dry_run: DryRunOption = False, root: RootOption = _HERE) -> None:
    """Stop the agent's service, which ends its sessions, and remove its unit. The node's identity stays."""
    _uninstall(agent_service(machine.this_program()), purge, dry_run, root)
    if not purge and not dry_run:
        print_lines(
            f"The node's identity stays in {AGENT_STATE}; --purge removes it. Deregister it with `ferryman nodes`."
        )


def _program(program: Path | None, root: Path, *, homes_hidden: bool, of_root: bool = False) -> Path:
    """Return the program that the unit starts; raises Failure if the service's account could not run it."""
    path = machine.this_program() if program is None else program
    if not path.is_absolute():
        raise Failure("The service cannot be installed", f"{path} is not an absolute path", "Correct --program")
    if root != _HERE:
        return path
    if not path.exists():
        raise Failure("The service cannot be installed", f"{path} does not exist", "Correct --program")
    hidden = None if of_root else machine.hidden_part(path, homes_hidden=homes_hidden)
    if hidden is not None:
        raise Failure(
            f"The service cannot run {path}",
            f"{hidden} is closed to its account",
            "Install Ferryman in a virtual environment in /opt/ferryman with umask 022, and run this from there",
        )
    return path


def _install(service: SystemdService, start: bool, dry_run: bool, root: Path) -> None:
    if not dry_run:
        _require_root(f"{service.unit} cannot be installed")
        _require_systemd(root)
    changed = _perform(service.install, dry_run, root)
    if start:
        _perform(service.start(changed=changed), dry_run, root)
    if not changed and not start:
        print_lines(f"{service.unit} is installed as it should be; nothing was changed.")


def _uninstall(service: SystemdService, purge: bool, dry_run: bool, root: Path) -> None:
    if not dry_run:
        _require_root(f"{service.unit} cannot be removed")
    steps = [*service.uninstall, *(service.purge if purge else ())]
    if not _perform(steps, dry_run, root):
        print_lines(f"{service.unit} is not installed; nothing was changed.")


def _perform(steps: Sequence[Step], dry_run: bool, root: Path) -> bool:
    """Perform the steps that are necessary, and print them; return whether any was."""
    changed = False
    for step in steps:
        if isinstance(step, Systemctl) and step.after_changes and not changed:
            continue
        if not step.needed(root):
            continue
        if not dry_run:
            try:
                step.perform(root)
            except (OSError, NotInstalled) as error:
                raise Failure(f"Could not {step}", said_by(error), "Correct that and run this again") from error
        print_lines(f"Would {step}" if dry_run else _sentence(step))
        changed = True
    return changed


def _sentence(step: Step) -> str:
    text = str(step)
    return f"{text[0].upper()}{text[1:]}"


def _require_root(what: str) -> None:
    if not machine.is_root():
        raise Failure(what, "this needs root", "Run it with sudo, or see what it would do with --dry-run")


def _require_systemd(root: Path) -> None:
    if machine.has_systemd(root):
        return
    if root == _HERE:
        raise Failure(
            "The service cannot be installed",
            "systemd does not run on this machine",
            "In a container, make Ferryman the container's program; under OpenRC and the like, have that start "
            "it with an account of its own. docs/how-to/run-a-server.md says how",
        )
    raise Failure("The service cannot be installed", f"{root} has no systemd", "Install it there first")
