"""The `session-manager-plugin` command, which the AWS CLI runs after StartSession.

Imports as little as possible before the connection is under way: neither typer, rich nor botocore.
"""

import contextlib
import os
import sys
import traceback
from collections.abc import Sequence

from ferryman.client.calls.launch import Launch
from ferryman.client.plugin import texts
from ferryman.client.plugin.arguments import InvalidArguments, ShowInstalled, ShowVersion, parse
from ferryman.client.plugin.endings import FAILED, NORMAL, SIGNAL_BASE, WRONG_ARGUMENTS
from ferryman.model.values.text import printable_lines
from ferryman.model.values.versions import CLIENT_VERSION
from ferryman.system.event_loop import run_loop

DEBUG_VARIABLE = "FERRYMAN_DEBUG"
SIGINT = 2
STDOUT, STDERR = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments`, by default the process's, and return its exit status.

    0: normal end; 1: the session could not be opened or was lost; 2: invalid arguments; 128 + n: ended by signal n.
    """
    _open_missing_descriptors()
    try:
        return _run(sys.argv[1:] if arguments is None else arguments)
    except InvalidArguments as wrong:
        _put(STDERR, str(wrong))
        return WRONG_ARGUMENTS
    except KeyboardInterrupt:
        return SIGNAL_BASE + SIGINT
    except Exception as fault:  # noqa: BLE001 - the process's boundary: the person gets a sentence, not a traceback
        if os.environ.get(DEBUG_VARIABLE):
            _put(STDERR, "".join(traceback.format_exception(fault)))
        _put(STDERR, texts.unexpected(type(fault).__name__, DEBUG_VARIABLE))
        return FAILED


def _run(arguments: Sequence[str]) -> int:
    match parse(arguments, os.environ):
        case ShowInstalled():
            _put(STDOUT, texts.INSTALLED)
            return NORMAL
        case ShowVersion():
            _put(STDOUT, CLIENT_VERSION + "\n")
            return NORMAL
        case Launch() as launch:
            from ferryman.transport import without_authorities

            without_authorities.import_aiohttp()
            from ferryman.client.plugin.session import run
            from ferryman.client.plugin.signals import HANGUP, ignored

            # A program started under nohup must outlive the one that started it.
            ends_with_parent = not ignored(HANGUP)
            return run_loop(run(launch, os.environ, ends_with_parent=ends_with_parent))


def _open_missing_descriptors() -> None:
    """Open /dev/null for standard streams that the launcher closed, so that no socket gets their number."""
    number = os.open(os.devnull, os.O_RDWR)
    while number <= STDERR:
        number = os.dup(number)
    os.close(number)


def _put(descriptor: int, text: str) -> None:
    with contextlib.suppress(OSError):
        os.write(descriptor, printable_lines(text).encode())
