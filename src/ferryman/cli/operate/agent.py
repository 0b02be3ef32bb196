"""`ferryman agent register | rebind | run`."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from ferryman.cli.node_names import check_node_name
from ferryman.cli.operate import services
from ferryman.cli.output.plain import App, typer
from ferryman.cli.output.printing import print_lines
from ferryman.model.errors import ServiceError
from ferryman.model.failures import Failure

app = App(help="Make this machine a managed node.")
app.command("install")(services.install_agent)
app.command("uninstall")(services.uninstall_agent)
Result = TypeVar("Result")

EXIT_DEREGISTERED = 3
FROM_STANDARD_INPUT = "-"
_SYSTEM_STATE = Path("/var/lib/ferryman-agent")
_NEXT_STEPS = {
    "InvalidActivation": "Create an activation with `ferryman activation create` and copy its id and code completely",
    "ActivationExpired": "Create a new one with `ferryman activation create`",
    "RegistrationLimitExceeded": "Create a new one with `ferryman activation create`",
}


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
    node_id = _run(
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

    print_lines(_run("The node", bind()))


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
    from ferryman.system.garbage import collect_as_usual
    from ferryman.transport import without_authorities

    collect_as_usual()  # what the imports leave behind would stay in every process of the agent
    without_authorities.import_aiohttp()
    from ferryman.agent.logs import LogSettings, configure
    from ferryman.agent.workers.zygote import fork_zygote

    where = state_dir or default_state_dir()
    logs = LogSettings(log_level, log_format or "auto")
    zygote = fork_zygote(where.absolute(), logs)  # before the logs have a thread, and without what only the agent needs

    from ferryman.agent.identity import node_key  # noqa: F401 fails here, before anything starts, without the extra
    from ferryman.agent.run import run_agent
    from ferryman.system.event_loop import new_event_loop

    log = configure(logs)
    try:
        _run("The agent", run_agent(where, run_as=run_as, zygote=zygote, logs=logs), loop_factory=new_event_loop)
    finally:
        log.drain()


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


class NodeDeregistered(Failure):
    """The agent stops for good: starting it again does not help."""

    exit_status = EXIT_DEREGISTERED


def _run(
    what: str,
    work: Coroutine[None, None, Result],
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> Result:
    """Run the agent's own code and turn its errors into `Failure`."""
    from ferryman.agent.identity.faults import Deregistered, StateUnusable
    from ferryman.agent.process.accounts import AccountRefused
    from ferryman.agent.workers.pool import WorkerUnavailable
    from ferryman.transport.errors import CertificateRefused, Unreachable

    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            return runner.run(work)
    except ServiceError as error:
        cause = f"{error.code}, {error.message.rstrip('.')}"
        raise Failure(
            f"{what} was refused", cause, _NEXT_STEPS.get(error.code, "Ask the server's administrator")
        ) from error
    except CertificateRefused as error:
        advice = "Register with --ca-file and the server's CA certificate, or check the host in --endpoint-url"
        raise Failure(f"{what} did not reach the server", str(error), advice) from error
    except Unreachable as error:
        raise Failure(
            f"{what} did not reach the server", str(error), "Check --endpoint-url, or run `ferryman doctor`"
        ) from error
    except Deregistered as error:
        raise NodeDeregistered(
            "This node is no longer registered",
            "an administrator deregistered it, or the server's database is another",
            "To bring it back, run `ferryman agent register --replace` with a new activation",
        ) from error
    except (StateUnusable, AccountRefused, WorkerUnavailable) as error:
        raise Failure(f"{what} failed", str(error)) from error
