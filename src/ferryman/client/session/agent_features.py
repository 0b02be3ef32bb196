"""What an agent can do, judged by its version (`protocol/client.md` §8.5)."""

import re

NEWER_THAN_MULTIPLEXING = (3, 0, 196, 0)
NEWER_THAN_KEEP_ALIVE = (3, 1, 1511, 0)
NEWER_THAN_TERMINATE_FLAG = (2, 3, 722, 0)
_VERSION = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){3}")
"""The length is limited because Python parses no number of more than 4,300 digits."""


def multiplexes(agent_version: str) -> bool:
    """Whether the agent carries many connections in one session."""
    return _parsed(agent_version) > NEWER_THAN_MULTIPLEXING


def expects_keep_alive(agent_version: str) -> bool:
    """Whether a multiplexing agent ends a session that brings no smux frame for 30 s."""
    return _parsed(agent_version) <= NEWER_THAN_KEEP_ALIVE


def takes_terminate_flag(agent_version: str) -> bool:
    """Whether the flag TerminateSession ends a session that does not multiplex."""
    return _parsed(agent_version) > NEWER_THAN_TERMINATE_FLAG


def _parsed(version: str) -> tuple[int, ...]:
    """Return the four numbers of `version`; () for any other text, which counts as older than every version."""
    if not _VERSION.fullmatch(version):
        return ()
    return tuple(int(each) for each in version.split("."))
