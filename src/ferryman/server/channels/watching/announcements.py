"""Notifies the person whose session is watched: by a message that Ferryman's client shows, and AWS's drops.

Whoever begins and ceases to watch again and again is not announced each time, but nobody watches unannounced: a summary
says who did and who does once there were too many notices.

AWS's client shows only numbered output, which only the node can number; so watchers get a note that the person does not
know. The audit trail and ListWatchers show every watcher in both cases.
"""

import asyncio
from collections.abc import Collection

from ferryman.core.messages import JoinWatch
from ferryman.core.ratelimits.token_bucket import TokenBuckets
from ferryman.core.service import Service
from ferryman.server.channels import frames
from ferryman.server.channels.sockets.peer_socket import PeerSocket
from ferryman.server.channels.watching.limits import (
    NOTICES_PER_PERSON,
    NOTICES_PER_SESSION,
    SUMMARY_SECONDS,
)
from ferryman.server.channels.watching.observers import Observers
from ferryman.server.channels.watching.watched_session import WatchedSession

UNANNOUNCED = "The person's client cannot show notices: they do not know that you are watching."
_MOST_NAMED = 3
_MOST_LEFT_OUT = 100


class Announcements:
    """The notices to the client of one session about those who watch it."""

    def __init__(self, service: Service, watched: WatchedSession, observers: Observers | None = None) -> None:
        self._service = service
        self._watched = watched
        self._observers = observers
        self._client: PeerSocket | None = None
        self._of_persons = TokenBuckets[str](*NOTICES_PER_PERSON)
        self._of_session = TokenBuckets[None](*NOTICES_PER_SESSION)
        self._left_out: dict[str, JoinWatch] = {}
        """Watchers by ARN for whom there was no notice, until a summary names them."""
        self._summary: asyncio.TimerHandle | None = None
        watched.on_change = self._changed

    def client_attached(self, client: PeerSocket) -> None:
        """Tell a client that has connected who is already watching."""
        self._client = client
        if self._observers is not None:
            self._observers.client_attached(client)
        if self._watched.watchers:
            self._announce(f"This session is watched by {_named(self._watched.watchers)}.")

    def _changed(self, watcher: JoinWatch, begins: bool) -> None:
        if self._observers is not None:
            self._observers.watched_by(self._watched.watchers)
        now = self._service.clock()
        if self._of_persons.acquire(watcher.person_id, now) and self._of_session.acquire(None, now):
            self._announce(f"{_name(watcher)} {'now watches' if begins else 'no longer watches'} this session.")
            return
        if len(self._left_out) < _MOST_LEFT_OUT:
            self._left_out[watcher.arn] = watcher
        if self._summary is None:
            self._summary = asyncio.get_running_loop().call_later(SUMMARY_SECONDS, self._summarize)

    def _summarize(self) -> None:
        self._summary = None
        left_out, self._left_out = self._left_out, {}
        now = _named(self._watched.watchers) or "nobody"
        self._announce(f"{_named(left_out.values())} started or stopped watching; now {now} watches this session.")

    def _announce(self, text: str) -> None:
        if not self._service.settings.watching.announce or self._client is None:
            return
        if self._client.own_end:
            self._client.send(frames.notice(self._service, text))
        else:
            self._watched.mark(UNANNOUNCED)


def _named(watchers: Collection[JoinWatch]) -> str:
    names = list(dict.fromkeys(_name(each) for each in watchers))
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{', '.join(names[:_MOST_NAMED])}{more}"


def _name(watcher: JoinWatch) -> str:
    """Return the end of the watcher's ARN, such as `user/alice`."""
    return watcher.arn.rpartition(":")[2]
