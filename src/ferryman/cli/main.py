"""The entry point of `ferryman`, and the one place that turns errors into a line for people."""

import os
import sys

from ferryman.cli.printing import complain, complain_of, say_page
from ferryman.cli.program.help_page import first_page, version_line
from ferryman.model.errors import ServiceError
from ferryman.model.failures import Failure, said_by
from ferryman.model.log_text import guard_last_resort

EXIT_FAILURE = 1
EXIT_INTERRUPTED = 130


def main() -> None:
    """Run the command line; exits with 0, 1 (failed), 2 (wrong usage) or 130 (interrupted)."""
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
            complain_of(error)
        else:
            complain(f"ferryman: {_line(error)}")
        sys.exit(EXIT_FAILURE)
    except Exception as fault:  # noqa: BLE001 - Python would print its text unescaped, and it may be a peer's
        complain_of(fault)
        sys.exit(EXIT_FAILURE)


def _run(arguments: list[str]) -> None:
    """Answer what needs no command at once; import Typer for everything else."""
    if arguments in ([], ["-h"], ["--help"], ["help"]):
        say_page(first_page())
    elif arguments in (["-V"], ["--version"]):
        say_page(version_line())
    else:
        from ferryman.cli.app import app

        if arguments[0] == "help":
            arguments = [*arguments[1:], "--help"]
        app(arguments, prog_name="ferryman")


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
