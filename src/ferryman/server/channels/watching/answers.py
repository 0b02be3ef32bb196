"""The relay's replies to people who watch its session, or want to."""

from ferryman.core.messages import (
    DONE,
    JoinWatch,
    LeaveWatch,
    RenewWatch,
    Watchers,
    WatchersProbe,
    WatchMessage,
    WatchRefused,
    WatchRenewed,
    encode,
)
from ferryman.server.channels.watching.watched_session import WatchedSession


async def answer_watcher(watched: WatchedSession | None, request: WatchMessage) -> bytes:
    """Return the reply to a request on `session.<id>`; `watched` is None if the session cannot be watched."""
    match request:
        case JoinWatch():
            if watched is None:
                return encode(WatchRefused("The session cannot be watched."))
            return encode(await watched.join(request))
        case RenewWatch():
            return encode(WatchRenewed(watched is not None and watched.renew(request.watcher_id)))
        case LeaveWatch():
            if watched is not None:
                watched.leave(request.watcher_id)
            return DONE
        case WatchersProbe():
            return encode(Watchers([]) if watched is None else watched.listed())
