"""The operating-system account that a session runs as, and its environment."""

import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath

FALLBACK_SHELL = "/bin/sh"
_SHELLS_THAT_REFUSE = frozenset({"nologin", "false", "true", "sync", "halt", "shutdown"})
_ROOT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_USER_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games"


class AccountRefused(Exception):
    """The session may not or cannot run as that account; the text is for the session's user."""


@dataclass(frozen=True, slots=True)
class Account:
    """The parts of a passwd entry that a session needs."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str


def own_account() -> Account:
    """Return the account this process runs as; one without a passwd entry (containers) gets `/` and the plain shell."""
    uid = os.geteuid()
    try:
        return _from_entry(pwd.getpwuid(uid))
    except KeyError:
        return Account(str(uid), uid, os.getegid(), os.environ.get("HOME", "/"), FALLBACK_SHELL)


def named_account(name: str) -> Account:
    """Return the account called `name`; raises `AccountRefused` when there is none."""
    try:
        return _from_entry(pwd.getpwnam(name))
    except KeyError as error:
        raise AccountRefused(f"failed to start pty since RunAs user {name} does not exist") from error


def session_account(inputs: Mapping[str, object], run_as_user: str | None, configured: str | None) -> Account:
    """Choose the account of a session (`protocol/agent.md` §5.2).

    `inputs` are the session document's; with `runAsEnabled` the user is `run_as_user` (from the task), else
    `runAsDefaultUser`, and never root. Without it: `configured` (the agent's `--run-as`), else the agent's own account.
    Raises `AccountRefused`.
    """
    if str(inputs.get("runAsEnabled", "")).lower() == "true":
        name = run_as_user or str(inputs.get("runAsDefaultUser") or "")
        if not name:
            raise AccountRefused("please set the RunAs default user")
        account = named_account(name)
        if account.uid == 0:
            raise AccountRefused("invalid uid and gid")
    elif configured:
        account = named_account(configured)
    else:
        return own_account()
    require_switchable(account)
    return account


def elevated_account() -> Account:
    """Return root's account, for commands whose document says `runAsElevated`; raises `AccountRefused`."""
    account = named_account("root")
    require_switchable(account)
    return account


def require_switchable(account: Account) -> None:
    """Raise `AccountRefused` unless this process may run programs as `account`: it is root, or it is that account."""
    if os.geteuid() not in (0, account.uid):
        raise AccountRefused(f"the agent is not root, so it cannot run a session as {account.name}")


def environment(account: Account, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return a login's clean environment: nothing of the agent's own but language and time zone."""
    clean = {
        "HOME": account.home,
        "LANG": inherited.get("LANG", "C.UTF-8"),
        "LOGNAME": account.name,
        "PATH": _ROOT_PATH if account.uid == 0 else _USER_PATH,
        "SHELL": account.shell,
        "TERM": "xterm-256color",
        "USER": account.name,
    }
    clean.update({name: value for name, value in inherited.items() if name == "TZ" or name.startswith("LC_")})
    return clean


def _from_entry(entry: pwd.struct_passwd) -> Account:
    shell = entry.pw_shell
    if PurePath(shell).name in _SHELLS_THAT_REFUSE or not os.access(shell, os.X_OK):
        shell = FALLBACK_SHELL
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir or "/", shell)
