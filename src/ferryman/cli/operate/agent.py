"""`ferryman agent register | rebind | run`."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

from ferryman.cli.extras import not_installed
from ferryman.cli.node_names import check_node_name
from ferryman.cli.operate import services
from ferryman.cli.operate.agent_process import run_agents_code
from ferryman.cli.output.plain import App, typer
from ferryman.cli.output.printing import print_lines
from ferryman.model.failures import Failure
from ferryman.system.program import part_command

app = App(help="Make this machine a managed node.")
app.command("install")(services.install_agent)
app.command("uninstall")(services.uninstall_agent)

FROM_STANDARD_INPUT = "-"
_SYSTEM_STATE = Path("/var/lib/ferryman-agent")


def default_state_dir() -> Path:
    """/var/lib/ferryman-agent for root, else `ferryman-agent` in the user's state directory (XDG)."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # `ferryman doctor` asks on Windows, too
        return _SYSTEM_STATE
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "ferryman-agent"


StateOption = Annotated[
    Path | None,
    typer.Option(
        "--state-dir",
        help="Where the node's identity is kept; /var/lib/ferryman-agent for root.",
        envvar="FERRYMAN_AGENT_STATE",
        show_default=False,
        file_okay=False,
    ),
]


def _not_an_argument(context: typer.Context, parameter: typer.CallbackParam, value: str) -> str:
    """Refuse a code that every user of this machine could read in the list of processes."""
    source = context.get_parameter_source(parameter.name or "")
    if source is not None and source.name == "COMMANDLINE" and value != FROM_STANDARD_INPUT:
        raise Failure(
            "The activation's code is not accepted as an argument",
            "other users of this machine can see arguments",
            "Set FERRYMAN_ACTIVATION_CODE, use `--activation-code -` to read it from standard input, or leave it out",
        )
    return value


@app.command("register")
def register(
    *,
    endpoint_url: Annotated[str, typer.Option("--endpoint-url", help="The server's URL, such as https://HOST:PORT.")],
    activation_id: Annotated[str, typer.Option("--activation-id", help="The activation's id.")],
    activation_code: Annotated[
        str,
        typer.Option(
            "--activation-code",
            help="`-` reads the activation's code from standard input. If omitted, it is read from "
            "FERRYMAN_ACTIVATION_CODE, or else the command asks for it. The code itself is refused as an argument.",
            envvar="FERRYMAN_ACTIVATION_CODE",
            prompt="Activation code",
            hide_input=True,
            callback=_not_an_argument,
        ),
    ],
    region: Annotated[str, typer.Option("--region", help="The server's region.")] = "us-east-1",
    state_dir: StateOption = None,
    ca_file: Annotated[
        Path | None,
        typer.Option(
            "--ca-file",
            help="PEM file with a CA to trust in addition to the system's.",
            show_default=False,
            exists=True,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            help="The name to report instead of the host's; a name that an administrator sets takes precedence.",
            show_default=False,
        ),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Drop an earlier registration.")] = False,
) -> None:
    """Register this machine with an activation and print its node id."""
    from ferryman.agent.identity import registration

    if name is not None:
        check_node_name(name)
    if activation_code == FROM_STANDARD_INPUT:
        activation_code = sys.stdin.readline().strip()
        if not activation_code:
            raise Failure("There is no activation code", "standard input was empty", "Write the code to standard input")
    where = state_dir or default_state_dir()
    node_id = run_agents_code(
        "The registration",
        registration.register(
            endpoint_url, region, activation_id, activation_code, where, ca_file=ca_file, name=name, replace=replace
        ),
    )
    _give_to_owner(where)
    print_lines(node_id)


def _give_to_owner(state: Path) -> None:
    """Let the account that the directory belongs to, as which the agent runs, read what root wrote there."""
    owner = state.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        for path in state.rglob("*"):
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


@app.command("rebind")
def rebind(*, state_dir: StateOption = None) -> None:
    """Bind the node registered here to this machine and print its id: for a disk moved to other hardware.

    Do not use it for copies: of two machines with the same node's identity, only one can be connected.
    """
    from ferryman.agent.identity.state import StateDirectory

    async def bind() -> str:
        return StateDirectory(state_dir or default_state_dir()).bind_to_this_machine()

    print_lines(run_agents_code("The node", bind()))


@app.command("run")
def run(
    *,
    state_dir: StateOption = None,
    run_as: Annotated[
        str | None,
        typer.Option(
            "--run-as", help="Run sessions as this user instead of the agent's own; needs root.", show_default=False
        ),
    ] = None,
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], typer.Option("--log-level", help="The least severe level to log.")
    ] = "info",
    log_format: Annotated[
        Literal["json", "text"] | None,
        typer.Option(
            "--log-format",
            help="The format of log lines: text on a terminal and json otherwise by default.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Serve sessions on this machine until SIGTERM or Ctrl-C, reconnecting when the connection is lost."""
    if find_spec("cryptography") is None:
        raise not_installed("agent", "cryptography")
    arguments = [str((state_dir or default_state_dir()).absolute()), run_as or "", log_level, log_format or "auto"]
    command = part_command("agent", *arguments)
    os.execv(command[0], command)  # noqa: S606 - the agent's memory is without everything that the commands have imported


@app.command("install-ssh-keys")
def install_ssh_keys(
    *,
    user: Annotated[
        list[str] | None,
        typer.Option(
            "--user",
            help="A user who may log in with such keys; repeatable. By default any user except root.",
            show_default=False,
        ),
    ] = None,
    state_dir: StateOption = None,
) -> None:
    """Make sshd accept the SSH keys that SendSSHPublicKey sends to this node, each for a minute. Needs root."""
    from ferryman.agent.identity.faults import StateUnusable
    from ferryman.agent.identity.state import StateDirectory
    from ferryman.agent.ssh_keys.installation import CONFIGURATION, NotInstallable, install

    if os.geteuid() != 0:
        raise Failure("SSH keys cannot be installed", "this needs root", "Run it with sudo")
    try:
        install(StateDirectory(state_dir or default_state_dir()), tuple(user or ()))
    except (NotInstallable, StateUnusable) as error:
        raise Failure("SSH keys cannot be installed", str(error)) from error
    print_lines(f"Wrote {CONFIGURATION}. To put it into effect, run `systemctl reload ssh`.")
