"""The process of `ferryman agent run`. It has imported nothing of the commands, so the session workers have not either.

Its arguments are the state directory, the user that sessions run as ("" for the agent's own), and the level and form of
the logs.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TypeVar

from ferryman.cli.output.printing import print_error, print_traceback
from ferryman.model.errors import ServiceError
from ferryman.model.failures import Failure
from ferryman.model.values.text import guard_last_resort

EXIT_DEREGISTERED = 3
EXIT_INTERRUPTED = 130
_NEXT_STEPS = {
    "InvalidActivation": "Create an activation with `ferryman activation create` and copy its id and code completely",
    "ActivationExpired": "Create a new one with `ferryman activation create`",
    "RegistrationLimitExceeded": "Create a new one with `ferryman activation create`",
}
Result = TypeVar("Result")


def main(arguments: list[str]) -> None:
    """Run the agent until SIGTERM or Ctrl-C. A failure ends it with one line."""
    guard_last_resort()
    try:
        _serve(*arguments)
    except Failure as failure:
        if os.environ.get("FERRYMAN_DEBUG"):
            print_traceback(failure)
        else:
            print_error(f"ferryman: {failure.line}")
        sys.exit(failure.exit_status)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


def _serve(state_directory: str, run_as: str, level: str, form: str) -> None:
    from ferryman.system.garbage import collect_as_usual
    from ferryman.transport import without_authorities

    collect_as_usual()  # what the imports leave behind would stay in every process of the agent
    without_authorities.import_aiohttp()
    import msgspec

    from ferryman.agent.logs import LogSettings, configure
    from ferryman.agent.workers.zygote import fork_zygote

    where = Path(state_directory)
    logs = msgspec.convert((level, form), LogSettings)
    zygote = fork_zygote(where, logs)  # before the logs have a thread, and without what only the agent needs

    from ferryman.agent.run import run_agent
    from ferryman.system.event_loop import new_event_loop

    log = configure(logs)
    try:
        agent = run_agent(where, run_as=run_as or None, zygote=zygote, logs=logs)
        run_agents_code("The agent", agent, loop_factory=new_event_loop)
    finally:
        log.drain()


class NodeDeregistered(Failure):
    """The agent stops for good: starting it again does not help."""

    exit_status = EXIT_DEREGISTERED


def run_agents_code(
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
