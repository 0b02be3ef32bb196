"""The environment of a session's program: the account's, `/etc/environment`, and the session's id."""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from ferryman.agent.process.accounts import Account, environment

SESSION_VARIABLE = "FERRYMAN_SESSION_ID"
FILE_BYTES = 64 * 1024
"""At most this much of the file is read."""
_FILE = Path("/etc/environment")
_NAME = re.compile(r"[A-Za-z0-9_]+")
_ACCOUNTS_OWN = frozenset({"HOME", "LOGNAME", "SHELL", "USER"})


def login_environment(account: Account, inherited: Mapping[str, str], session_id: str) -> dict[str, str]:
    """Return a login's environment in a session; the file's variables go before those of the agent.

    HOME, LOGNAME, SHELL and USER are the account's, whatever the file says.
    """
    result = environment(account, inherited)
    for name, value in environment_file(_FILE).items():
        if name in _ACCOUNTS_OWN:
            continue
        if value is None:
            result.pop(name, None)
        else:
            result[name] = value
    if "\0" not in session_id:
        result[SESSION_VARIABLE] = session_id
    return result


def environment_file(path: Path) -> dict[str, str | None]:
    """Return the variables that a file sets, as pam_env reads it; None for those that it unsets (a name alone).

    Lines are `NAME=value`, also after `export`. `#` begins a comment wherever it stands, and a value that begins with a
    quote loses that one and one at its end. Other lines are ignored, and so is a file that cannot be read.
    """
    variables: dict[str, str | None] = {}
    for line in os.fsdecode(_content(path)).split("\n"):
        text = line.partition("#")[0].strip().removeprefix("export ").lstrip()
        name, equals, value = text.partition("=")
        if not _NAME.fullmatch(name) or "\0" in value:
            continue
        variables[name] = _unquoted(value) if equals else None
    return variables


def _unquoted(value: str) -> str:
    if not value.startswith(('"', "'")):
        return value
    return value[1:-1] if len(value) > 1 and value.endswith(('"', "'")) else value[1:]


def _content(path: Path) -> bytes:
    """Return the beginning of a plain file; a FIFO or a device of that name is not waited for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return b""
    try:
        return os.read(descriptor, FILE_BYTES) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""
    except OSError:
        return b""
    finally:
        os.close(descriptor)
