"""The abilities of the other end, judged by its version (`protocol/client.md` §8.5, `protocol/agent.md` §5.5)."""

import re

NEWER_THAN_MULTIPLEXING = (3, 0, 196, 0)
NEWER_THAN_KEEP_ALIVE = (3, 1, 1511, 0)
NEWER_THAN_TERMINATE_FLAG = (2, 3, 722, 0)
FIRST_MULTIPLEXING_CLIENT = "1.1.70"
_VERSION = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){3}")
_CLIENT_VERSION = re.compile(r"[0-9]+(\.[0-9]+){3}", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,9}")
"""The length is limited because Python parses no number of more than 4,300 digits."""


def agent_multiplexes(agent_version: str) -> bool:
    """Whether the agent carries many connections in one session."""
    return _parsed(agent_version) > NEWER_THAN_MULTIPLEXING


def expects_keep_alive(agent_version: str) -> bool:
    """Whether a multiplexing agent ends a session that brings no smux frame for 30 s."""
    return _parsed(agent_version) <= NEWER_THAN_KEEP_ALIVE


def takes_terminate_flag(agent_version: str) -> bool:
    """Whether the flag TerminateSession ends a session that does not multiplex."""
    return _parsed(agent_version) > NEWER_THAN_TERMINATE_FLAG


def is_aws_client(client_version: str) -> bool:
    """Whether a version is written as AWS's clients write theirs; others that shake hands have three parts."""
    return _CLIENT_VERSION.fullmatch(client_version) is not None


def client_multiplexes(version: str) -> bool:
    """Return whether a client of this version multiplexes, as AWS's agent decides (`protocol/agent.md` §5.5).

    Components are compared as numbers if both are numbers, otherwise as text. So a client whose version begins with a
    name, such as `pyssm-client/0.1.0`, multiplexes.
    """
    theirs, first = version.split("."), FIRST_MULTIPLEXING_CLIENT.split(".")
    for their, ours in zip(theirs, first, strict=False):
        if _NUMBER.fullmatch(their):
            if int(their) != int(ours):
                return int(their) > int(ours)
        elif their != ours:
            return their > ours
    return len(theirs) >= len(first)


def _parsed(version: str) -> tuple[int, ...]:
    """Return the four numbers of `version`; () for any other text, which counts as older than every version."""
    if not _VERSION.fullmatch(version):
        return ()
    return tuple(int(each) for each in version.split("."))
