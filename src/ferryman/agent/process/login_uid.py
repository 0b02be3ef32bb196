"""The kernel's audit identity of a session: the login uid and the session number, which all its processes inherit.

`auid` and `ses` of auditd's records are these, so a record is matched with the session whose log line names them.
"""

from pathlib import Path

from ferryman.agent.logs import logger

_LOGIN_UID = Path("/proc/self/loginuid")
_AUDIT_SESSION = Path("/proc/self/sessionid")
_LOG = logger("login_uid")


def set_login_uid(uid: int) -> None:
    """Make `uid` this process's login, as pam_loginuid does; the kernel numbers a new audit session.

    Where that is not permitted (containers, a login that is immutable, no auditing in the kernel), nothing changes.
    """
    try:
        _LOGIN_UID.write_text(str(uid))
    except OSError as error:
        _LOG.debug("login uid not set", reason=error.strerror)


def audit_identity() -> dict[str, int]:
    """Return `auid` and `ses` as auditd calls them, for a log line; nothing where the kernel does no auditing."""
    try:
        return {"auid": int(_LOGIN_UID.read_text()), "ses": int(_AUDIT_SESSION.read_text())}
    except (OSError, ValueError):
        return {}
