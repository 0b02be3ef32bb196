"""The entry point of `ferryman`, and the one place that turns errors into a line for people.

It imports no more than it needs: where only the agent is installed, there is no Typer.
"""

import contextlib
import os
import sys

from ferryman.cli.extras import extra_of, has_all_commands, not_installed
from ferryman.cli.output.printing import print_error, print_page, print_suggestions, print_traceback
from ferryman.cli.program.help_page import first_page, version_line
from ferryman.model.errors import ServiceError
from ferryman.model.failures import Failure, said_by
from ferryman.model.values.text import guard_last_resort
from ferryman.system.garbage import collect_rarely
from ferryman.system.program import PART, run_part, settle_in

EXIT_FAILURE = 1
EXIT_INTERRUPTED = 130
COMPLETE = "__complete"
"""What the scripts of `ferryman completion` call."""


def main() -> None:
    """Run the command line; exits with 0, 1 (failed), 2 (wrong usage) or 130 (interrupted).

    Or run the part of the program that another process of Ferryman starts.
    """
    collect_rarely()
    settle_in()
    if sys.argv[1:2] == [PART]:
        run_part(sys.argv[2:])
    guard_last_resort()
    try:
        _run(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output has closed it; Python would complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_FAILURE)
    except (Failure, ServiceError, OSError, ModuleNotFoundError) as error:
        if os.environ.get("FERRYMAN_DEBUG"):
            print_traceback(error)
        else:
            print_error(f"ferryman: {_line(error)}")
        sys.exit(error.exit_status if isinstance(error, Failure) else EXIT_FAILURE)
    except Exception as fault:  # noqa: BLE001 - Python would print its text unescaped, and it may be a peer's
        print_traceback(fault)
        sys.exit(EXIT_FAILURE)


def _run(arguments: list[str]) -> None:
    """Answer what needs no command immediately; import Typer for everything else."""
    if arguments in ([], ["-h"], ["--help"], ["help"]):
        print_page(first_page())
    elif arguments[0] == COMPLETE:
        _complete(arguments[1:])
    elif arguments in (["-V"], ["--version"]):
        print_page(version_line())
    elif not has_all_commands():
        _run_without_typer(arguments)
    else:
        from ferryman.cli.app import app

        if arguments[0] == "help":
            arguments = [*arguments[1:], "--help"]
        app(arguments, prog_name="ferryman")


def _complete(words: list[str]) -> None:
    """Print suggestions for a shell, a word, a tab and what it means on each line. Errors are nothing to suggest."""
    with contextlib.suppress(Exception):
        from ferryman.cli.program.completion import complete

        print_suggestions(complete(words))
    sys.stdout.flush()
    os._exit(0)  # a call of the server that takes too long is not waited for


def _run_without_typer(arguments: list[str]) -> None:
    if arguments[0] == "--debug":
        os.environ["FERRYMAN_DEBUG"] = "1"
        arguments = arguments[1:]
    if arguments[:1] != ["agent"]:
        raise not_installed(extra_of("".join(arguments[:1])), "typer")
    from ferryman.cli.operate.agent import app

    app(*arguments)


def _line(error: Exception) -> str:
    if isinstance(error, Failure):
        return error.line
    if isinstance(error, ModuleNotFoundError):
        words = [word for word in sys.argv[1:] if not word.startswith("-")]
        return not_installed(extra_of("".join(words[:1])), str(error.name)).line
    return said_by(error)


if __name__ == "__main__":
    main()
