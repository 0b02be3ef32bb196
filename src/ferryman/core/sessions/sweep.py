"""Deadlines of sessions: the sweep that ends them in time, pruning of history, recovery at startup.

Activity is not written to the store: a deadline says when to look, and looking asks the session's relay.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ferryman.core.audit.records import session_changed
from ferryman.core.maintenance.pruning import prune
from ferryman.core.messages import ActivityProbe, EndSession, decode_activity, encode, session_subject
from ferryman.core.ports.bus import NoResponders
from ferryman.core.ports.sessions import SessionPosition, SessionQuery
from ferryman.core.presence import is_connected
from ferryman.core.service import Service
from ferryman.core.sessions.lifecycle import (
    duration_deadline,
    end_lost,
    end_session,
    fail_session,
    idle_deadline,
    session_finished,
)
from ferryman.model.errors import StoreUnavailable
from ferryman.model.identifiers import Millis, SessionId
from ferryman.model.sessions import RESUMABLE, Session, SessionState, SessionStatus

_BATCH = 200
"""Sessions checked concurrently."""
_BATCHES = 25
"""Sessions checked in one sweep; the rest wait for the next, so that pruning gets its turn."""
_RECOVERED = 500
"""Sessions that one transaction disconnects at startup, unless others change them meanwhile."""
_PROBE_WAIT = 2.0
_LOOK_AGAIN = 10_000
"""Milliseconds until a relay that did not answer is asked again."""
_PROBE = encode(ActivityProbe())
_LOCKED = "locked"
"""The store's state when a transaction met others too often."""


async def sweep(service: Service) -> int:
    """Check every session whose deadline has passed, then prune history; call it about once a second.

    Returns how many sessions were checked. Several servers may sweep at the same time.
    """
    looked = 0
    await _follow_clock(service)
    for _ in range(_BATCHES):
        due = await service.store.sessions.due(service.clock(), _BATCH)
        await asyncio.gather(*(_look(service, session) for session in due))
        looked += len(due)
        if len(due) < _BATCH:
            break
    if service.clock_steps.settled:
        kept_since = Millis(service.clock() - service.settings.limits.history_days * 86_400_000)
        await prune(service.store.sessions.prune, kept_since)
    return looked


async def _follow_clock(service: Service) -> None:
    """Follow a step of the machine's clock by moving stored times with it, before any other work.

    The store executes writes in the order of the calls: times computed before the step are moved, times computed after
    it are not.
    """
    if step := service.clock_steps.step():
        await service.store.sessions.move_times(step)
        service.clock_steps.moved(step)


async def recover(service: Service) -> int:
    """Set Connected sessions whose relay no longer exists Disconnected, at startup. Returns how many.

    Deadlines are in the store, so they need no recovery; those that passed while no server ran are due immediately.
    """
    query = SessionQuery(SessionState.ACTIVE, status=SessionStatus.CONNECTED)
    lost = 0
    after: SessionPosition | None = None
    while sessions := await service.store.sessions.page(query, after, _RECOVERED):
        lost += await _lose_unheld(service, sessions)
        after = SessionPosition(sessions[-1].started_at, sessions[-1].session_id)
    return lost


async def _lose_unheld(service: Service, sessions: Sequence[Session]) -> int:
    """Disconnect sessions without a relay; their recent activity is unknown. Returns how many."""
    subjects = tuple(session_subject(session.session_id) for session in sessions)
    held = await service.bus.subscribed(subjects, timeout=_PROBE_WAIT)
    unheld = [session for session, subject in zip(sessions, subjects, strict=True) if subject not in held]
    is_lost = await asyncio.gather(*(_has_no_relay(service, session) for session in unheld))
    now = service.clock()
    deadlines = {
        session.session_id: idle_deadline(session, now) for session, lost in zip(unheld, is_lost, strict=True) if lost
    }
    changed = await _disconnect(service, deadlines)
    for session in sessions:
        if session.session_id in changed:
            deadline_at = deadlines[session.session_id]
            session_changed(service, replace(session, status=SessionStatus.DISCONNECTED, deadline_at=deadline_at))
    return len(changed)


async def _disconnect(service: Service, deadlines: Mapping[SessionId, Millis]) -> frozenset[SessionId]:
    """Disconnect sessions in one transaction, or one by one if they are connecting to other servers meanwhile.

    Such transactions meet again and again. If even one session cannot be changed, it and the rest stay Connected, as
    they do when no server starts: their relays store what becomes of them, and the sweep finds those without one.
    """
    try:
        return await service.store.sessions.disconnect(deadlines)
    except StoreUnavailable as error:
        if error.state != _LOCKED:
            raise
    changed: frozenset[SessionId] = frozenset()
    for session_id, deadline_at in deadlines.items():
        try:
            changed |= await service.store.sessions.disconnect({session_id: deadline_at})
        except StoreUnavailable as error:
            if error.state != _LOCKED:
                raise
            break
    return changed


async def _has_no_relay(service: Service, session: Session) -> bool:
    """Whether that is certain: a server that is slow to answer may have the session's relay."""
    try:
        await service.bus.request(session_subject(session.session_id), _PROBE, timeout=_PROBE_WAIT)
    except NoResponders:
        return True
    except TimeoutError:
        pass
    return False


async def _look(service: Service, session: Session) -> None:
    session_id = session.session_id
    if session.status in RESUMABLE and session.access_ends_at is not None and session.access_ends_at <= service.clock():
        await end_session(service, session_id, f"The access of {session.access_request_id} has ended.")
    elif session.status is SessionStatus.CONNECTING:
        seconds = service.settings.limits.client_wait
        if session.token_id is not None:
            cause = f"The client did not connect within {seconds} seconds."
        elif not await is_connected(service, session.target):
            cause = f"{session.target} is not connected."
        else:
            cause = f"{session.target} did not open the session's data channel within {seconds} seconds."
        await fail_session(service, session_id, cause)
    elif session.status is SessionStatus.TERMINATING:
        await _finish(service, session)
    else:
        await _look_at_joined(service, session)


async def _finish(service: Service, session: Session) -> None:
    """Set a session Terminated whose agent has not confirmed its end, once its relay is known to have heard of it.

    The relay may be on a server that could not be reached when the session was to end; its ends would continue.
    """
    end = encode(EndSession(session.details or "", lost=True))
    try:
        await service.bus.request(session_subject(session.session_id), end, timeout=_PROBE_WAIT)
    except NoResponders:
        pass
    except TimeoutError:
        await service.store.sessions.set_deadline(session.session_id, Millis(service.clock() + _LOOK_AGAIN))
        return
    await session_finished(service, session.session_id, "")


async def _look_at_joined(service: Service, session: Session) -> None:
    session_id, now = session.session_id, service.clock()
    longest = duration_deadline(session)
    if longest is not None and longest <= now:
        cause = f"The session reached its maximum duration of {_minutes(session.max_duration)}."
        await end_session(service, session_id, cause)
        return
    try:
        reply = await service.bus.request(session_subject(session_id), _PROBE, timeout=_PROBE_WAIT)
        last_activity = decode_activity(reply)
    except NoResponders:
        if session.status is SessionStatus.CONNECTED:  # its server is gone, so recent activity is unknown
            await end_lost(service, session_id, None)
            return
        last_activity = None
    except TimeoutError:
        await service.store.sessions.set_deadline(session_id, Millis(now + _LOOK_AGAIN))
        return
    if session.idles:
        deadline_at = session.deadline_at if last_activity is None else idle_deadline(session, last_activity)
    else:
        connected = session.status is SessionStatus.CONNECTED
        deadline_at = idle_deadline(session, now) if connected else session.deadline_at
    if deadline_at > now:
        await service.store.sessions.set_deadline(session_id, deadline_at)
    else:
        cause = f"The session was idle for {_minutes(session.idle_timeout)}."
        await end_session(service, session_id, cause)


def _minutes(count: int | None) -> str:
    return "1 minute" if count == 1 else f"{count} minutes"
