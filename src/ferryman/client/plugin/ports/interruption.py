"""Ctrl-C, Ctrl-\\ and Ctrl-Z end a session that forwards a port, as they end AWS's client."""

import signal

from ferryman.client.plugin import texts
from ferryman.client.plugin.endings import NORMAL, Ending
from ferryman.client.plugin.session_handler import SessionContext
from ferryman.system.signals import known

_INTERRUPTIONS = frozenset(known("SIGINT", "SIGQUIT", "SIGTSTP"))


def ends_session(context: SessionContext, number: signal.Signals) -> bool:
    """End the session if the signal is one of these keys; return whether it is."""
    if number not in _INTERRUPTIONS:
        return False
    words = texts.INTERRUPTED + texts.ended(context.session_id, "")
    context.endings.announce(Ending(NORMAL, last_words=words, terminate=True))
    return True
