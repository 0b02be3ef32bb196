"""The `ferryman` command: every subcommand, and the one place that turns errors into a line for people."""

import os
import sys
from typing import Annotated

import typer

from ferryman.cli.client import cp as copy
from ferryman.cli.client import forward, login, run, shell, ssh_config
from ferryman.cli.command_line import EndsInCommandLine
from ferryman.cli.demo import command as demo
from ferryman.cli.doctor import command as doctor
from ferryman.cli.manage import access, activations, explain, nodes, sessions
from ferryman.cli.operate import agent, audit, certificate, init, keys, server, users
from ferryman.cli.printing import complain, complain_of
from ferryman.model.errors import ServiceError
from ferryman.model.failures import Failure, said_by
from ferryman.model.log_text import guard_last_resort

EXIT_FAILURE = 1
EXIT_INTERRUPTED = 130

app = typer.Typer(
    name="ferryman",
    help="A self-hosted Session Manager that speaks the protocols of AWS Systems Manager.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("shell", cls=EndsInCommandLine)(shell.command)
app.command("run", cls=EndsInCommandLine)(run.command)
app.command("forward")(forward.command)
app.command("cp")(copy.command)
app.command("ssh-config")(ssh_config.command)
app.command("login")(login.login)
app.command("logout")(login.logout)
app.command("credentials")(login.credentials)
app.command("init")(init.command)
app.add_typer(server.app, name="server")
app.add_typer(agent.app, name="agent")
app.add_typer(activations.app, name="activation")
app.add_typer(users.app, name="user")
app.add_typer(sessions.app, name="sessions")
app.add_typer(access.app, name="access")
app.add_typer(certificate.app, name="certificate")
app.add_typer(nodes.app, name="nodes")
app.add_typer(audit.app, name="audit")
app.command("explain")(explain.command)
app.add_typer(keys.app, name="key")
app.command("doctor")(doctor.command)
app.command("demo")(demo.command)


@app.callback()
def _options(
    *,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error.", envvar="FERRYMAN_DEBUG")
    ] = False,
) -> None:
    if debug:
        os.environ["FERRYMAN_DEBUG"] = "1"


def main() -> None:
    """Run the command line; exits with 0, 1 (failed), 2 (wrong usage) or 130 (interrupted)."""
    guard_last_resort()
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output has closed it; Python would complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_FAILURE)
    except (Failure, ServiceError, OSError, ModuleNotFoundError) as error:
        if os.environ.get("FERRYMAN_DEBUG"):
            complain_of(error)
        else:
            complain(f"ferryman: {_line(error)}")
        sys.exit(EXIT_FAILURE)
    except Exception as fault:  # noqa: BLE001 - Python would print its text unescaped, and it may be a peer's
        complain_of(fault)
        sys.exit(EXIT_FAILURE)


def _line(error: Exception) -> str:
    if isinstance(error, Failure):
        return error.line
    if isinstance(error, ModuleNotFoundError):
        extra = "agent" if sys.argv[1:2] == ["agent"] else "server"
        cause = f"{error.name} is missing"
        return Failure(
            "This command is not installed", cause, f"Install ferryman[{extra}] from your checkout or release file"
        ).line
    return said_by(error)


if __name__ == "__main__":
    main()
