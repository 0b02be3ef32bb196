"""`ferryman server`."""

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ferryman.bootstrap.configuration import LoadedConfiguration, load
from ferryman.bootstrap.server import run_server
from ferryman.cli.operate import services
from ferryman.cli.options import DEFAULT_CONFIG, ConfigOption
from ferryman.cli.output.printing import print_error, print_lines
from ferryman.cli.program.commands import App
from ferryman.client.login.contexts import read_contexts
from ferryman.model.failures import Failure
from ferryman.system.event_loop import run_loop

OK = 200

app = App(
    help="Run the server, check it, or install it as a service.", invoke_without_command=True, no_args_is_help=False
)
app.command("install")(services.install_server)
app.command("uninstall")(services.uninstall_server)


@app.callback()
def command(
    context: typer.Context,
    *,
    config: ConfigOption = DEFAULT_CONFIG,
    check: Annotated[bool, typer.Option("--check", help="Check that the server could start, without starting it.")] = (
        False
    ),
) -> None:
    """Run the server until SIGTERM or Ctrl-C. Sessions resume when you start it again.

    On SIGHUP it reads its certificate and keys again.
    """
    if context.invoked_subcommand is not None:
        return
    if check:
        _check(config)
        return
    from ferryman.cli import logs
    from ferryman.transport import without_authorities

    without_authorities.import_aiohttp()
    loaded = load(config)
    settings = loaded.configuration.log
    log = logs.configure(settings.level, settings.format)

    def greet() -> None:
        if logs.is_terminal() and settings.format != "json":
            log.drain()
            print_error(*_greeting(loaded, config))

    try:
        run_loop(run_server(loaded, greet))
    finally:
        log.drain()


@app.command("health")
def health(*, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Ask the server that runs here whether it is healthy. Exits with 1 if it is not, or does not answer."""
    from ferryman.bootstrap.readiness import ask_health

    status, text = ask_health(load(config))
    print_lines(text)
    if status != OK:
        raise typer.Exit(1)


def _check(config: Path) -> None:
    from ferryman.cli.doctor.client import CheckResult
    from ferryman.cli.doctor.command import report
    from ferryman.cli.doctor.server import examine_port, examine_server_files

    findings = examine_server_files(config, datetime.now(UTC))
    if findings[0].verdict is CheckResult.GOOD:
        findings.append(examine_port(config))
    report(findings)


def _greeting(loaded: LoadedConfiguration, config: Path) -> list[str]:
    """Return the greeting for a person who started the server on a terminal."""
    next_command = " ".join([*_chooses_server(config.resolve().parent / "aws"), "ferryman", "activation", "create"])
    return [
        "",
        f"Ferryman is running at {loaded.configuration.server.public_url}. Stop it with Ctrl-C.",
        "Next, in another terminal:",
        "",
        f"  {next_command}",
        "",
    ]


def _chooses_server(files: Path) -> list[str]:
    """Return the variables with which a command in another terminal calls this server, if its context is not current.

    `files` is the directory where `ferryman init` puts the administrator's profile.
    """
    try:
        contexts = read_contexts()
    except Failure:
        return []  # the command itself will say so
    names = [name for name, each in contexts.contexts.items() if each.config_file == str(files / "config")]
    if contexts.current in names or not (names or (files / "credentials").exists()):
        return []
    if names:
        return [f"FERRYMAN_CONTEXT={shlex.quote(names[0])}"]
    variables = {"AWS_CONFIG_FILE": files / "config", "AWS_SHARED_CREDENTIALS_FILE": files / "credentials"}
    return [f"{name}={shlex.quote(str(path))}" for name, path in variables.items()]
