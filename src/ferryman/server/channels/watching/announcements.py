"""Notifies the person whose session is watched: by a message that Ferryman's client shows, and AWS's drops.

AWS's client shows nothing but numbered output, and the numbers are the node's to give; so watchers get a note that the
person does not know. The audit trail and ListWatchers have every watcher in both cases.
"""

from ferryman.core.messages import JoinWatch
from ferryman.core.service import Service
from ferryman.server.channels import frames
from ferryman.server.channels.watching.observers import Observers
from ferryman.server.channels.watching.watched_session import WatchedSession
from ferryman.server.channels.websocket import Socket

UNANNOUNCED = "The person's client cannot show notices: they are not told that you watch."
_MOST_NAMED = 3


class Announcements:
    """The notices to the client of one session about those who watch it."""

    def __init__(self, service: Service, watched: WatchedSession, observers: Observers | None = None) -> None:
        self._service = service
        self._watched = watched
        self._observers = observers
        self._client: Socket | None = None
        watched.on_change = self._changed

    def client_attached(self, client: Socket) -> None:
        """A client has connected: tell it who watches already."""
        self._client = client
        if self._observers is not None:
            self._observers.client_attached(client)
        names = [_name(each) for each in self._watched.watchers]
        if names:
            more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
            self._announce(f"This session is watched by {', '.join(names[:_MOST_NAMED])}{more}.")

    def _changed(self, watcher: JoinWatch, begins: bool) -> None:
        if self._observers is not None:
            self._observers.watched_by(self._watched.watchers)
        self._announce(f"{_name(watcher)} {'now watches' if begins else 'no longer watches'} this session.")

    def _announce(self, text: str) -> None:
        if not self._service.settings.watching.announce or self._client is None:
            return
        if self._client.own_end:
            self._client.send(frames.notice(self._service, text))
        else:
            self._watched.mark(UNANNOUNCED)


def _name(watcher: JoinWatch) -> str:
    """Return the end of the watcher's ARN, such as `user/alice`."""
    return watcher.arn.rpartition(":")[2]
