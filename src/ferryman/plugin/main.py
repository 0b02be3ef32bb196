"""The `session-manager-plugin` command: what the AWS CLI runs after StartSession.

Imports as little as possible before the connection is under way: neither typer, rich nor botocore.
"""

import asyncio
import os
import sys
import traceback
from collections.abc import Sequence

from ferryman.model.versions import CLIENT_VERSION
from ferryman.plugin import texts
from ferryman.plugin.arguments import InvalidArguments, Launch, ShowInstalled, ShowVersion, parse
from ferryman.plugin.endings import FAILED, NORMAL, SIGNAL_BASE, WRONG_ARGUMENTS

DEBUG_VARIABLE = "FERRYMAN_DEBUG"
SIGINT = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments`, by default the process's, and return its exit status.

    0 normal end, 1 the session could not be opened or was lost, 2 wrong arguments, 128 + n ended by signal n.
    """
    try:
        return _run(sys.argv[1:] if arguments is None else arguments)
    except InvalidArguments as wrong:
        sys.stderr.write(str(wrong))
        return WRONG_ARGUMENTS
    except KeyboardInterrupt:
        return SIGNAL_BASE + SIGINT
    except Exception as fault:  # noqa: BLE001 - the process's boundary: a person gets a sentence, not a traceback
        if os.environ.get(DEBUG_VARIABLE):
            traceback.print_exc()
        sys.stderr.write(texts.unexpected(type(fault).__name__, DEBUG_VARIABLE))
        return FAILED


def _run(arguments: Sequence[str]) -> int:
    match parse(arguments, os.environ):
        case ShowInstalled():
            sys.stdout.write(texts.INSTALLED)
            return NORMAL
        case ShowVersion():
            sys.stdout.write(CLIENT_VERSION + "\n")
            return NORMAL
        case Launch() as launch:
            from ferryman.plugin.session import run

            return asyncio.run(run(launch, os.environ))
