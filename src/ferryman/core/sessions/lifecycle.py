"""The life of a session after StartSession: dispatching its task, its ends joining and leaving, its end.

Called by the server's channels. Every change goes through `SessionStore.transition`, which enforces the status machine,
so each function may be called twice, late, or by two servers at once.
"""

from ferryman.core.audit.records import session_changed
from ferryman.core.messages import (
    EndSession,
    EndTask,
    StartTask,
    control_subject,
    decode_end_answer,
    encode,
    session_subject,
)
from ferryman.core.ports.bus import NoResponders
from ferryman.core.ports.sessions import SessionChanges, SessionQuery
from ferryman.core.service import Service
from ferryman.core.sessions.document import task_content
from ferryman.model.identifiers import Millis, NodeId, SessionId
from ferryman.model.sessions import ENDED, Session, SessionState, SessionStatus

DETAILS_LIMIT = 1024
"""Characters, AWS's own limit on Details."""
_TASK_WAIT = 10.0
"""Seconds for the node's server to pass on a task; it paces them (`protocol/agent.md` §3.9)."""
_END_WAIT = 2.0
_TASKS_SENT_AGAIN = 200
_ERROR_HEADING = "----------ERROR-------"


def idle_deadline(session: Session, last_activity: Millis) -> Millis:
    """Return when the session must end if nothing more happens.

    The earliest of its idle timeout, its maximum duration and the end of the access that started it.
    """
    idle = last_activity + session.idle_timeout * 60_000
    bounds = (duration_deadline(session), session.access_ends_at)
    return Millis(min([idle, *(bound for bound in bounds if bound is not None)]))


def duration_deadline(session: Session) -> Millis | None:
    """Return when the session's maximum duration is over, None if it has none."""
    return None if session.max_duration is None else Millis(session.started_at + session.max_duration * 60_000)


async def dispatch_task(service: Service, session: Session) -> bool:
    """Send the session's task to its node, once its client is there; False if it has ended or the node is unreachable.

    An unreachable node has `Limits.node_return` seconds to come back; then `node_attached` sends the task. The task is
    what StartSession checked, even if the document has changed since. Sending twice is harmless: an agent drops a task
    whose session it runs. From now on the node has `Limits.client_wait` seconds to open its data channel.
    """
    document = await service.store.sessions.document_content(session.session_id)
    if document is None:  # it has ended in the meantime
        return False
    task = StartTask(session.session_id, task_content(session, document))
    limits = service.settings.limits
    await set_deadline(service, session.session_id, limits.client_wait)
    try:
        await service.bus.request(control_subject(session.target), encode(task), timeout=_TASK_WAIT)
    except (NoResponders, TimeoutError):
        await set_deadline(service, session.session_id, limits.node_return)
        return False
    return True


async def node_attached(service: Service, node_id: NodeId) -> None:
    """Resend the tasks that the node did not start, once its control channel is up again.

    They were lost with an earlier control channel.
    """
    query = SessionQuery(SessionState.ACTIVE, status=SessionStatus.CONNECTING, target=node_id)
    for session in await service.store.sessions.page(query, None, _TASKS_SENT_AGAIN):
        if session.token_id is None:  # its client has connected
            await dispatch_task(service, session)


async def ends_attached(service: Service, session_id: SessionId) -> Session | None:
    """Set Connected and restart the idle time: both ends are attached and the agent reported Connected.

    Returns the session; None if it has ended or is ending (the relay then notifies both ends and closes). Idempotent:
    a session that is Connected stays as it is.
    """
    session = await service.store.sessions.get(session_id)
    if session is None or session.status is SessionStatus.CONNECTED:
        return session
    deadline_at = idle_deadline(session, service.clock())
    connected = await _transition(service, session_id, SessionStatus.CONNECTED, SessionChanges(deadline_at=deadline_at))
    if connected is not None:
        return connected
    session = await service.store.sessions.get(session_id)
    return session if session is not None and session.status is SessionStatus.CONNECTED else None


async def end_lost(service: Service, session_id: SessionId, last_activity: Millis | None) -> Session | None:
    """Set Disconnected after an end's connection was lost; the idle timeout may then end the session. Idempotent.

    `last_activity` is when the user last typed, resized or got output; None means now, as for a session that never
    idles. Returns the session if it is now Disconnected or still Connecting, None otherwise.
    """
    session = await service.store.sessions.get(session_id)
    if session is None:
        return None
    counted_from = service.clock() if last_activity is None or not session.idles else last_activity
    deadline_at = idle_deadline(session, counted_from)
    lost = await _transition(service, session_id, SessionStatus.DISCONNECTED, SessionChanges(deadline_at=deadline_at))
    if lost is not None:
        return lost
    session = await service.store.sessions.get(session_id)
    waiting = (SessionStatus.CONNECTING, SessionStatus.DISCONNECTED)
    return session if session is not None and session.status in waiting else None


async def end_session(service: Service, session_id: SessionId, details: str) -> bool:
    """Set Terminating for the cause `details` and notify both ends; False if the session had ended or was ending.

    The agent is notified on its data channel if that is open, else on the node's control channel. The session is
    Terminated when the agent confirms, or by the sweep after `Limits.terminate_wait` seconds; immediately if its client
    has not connected, since its node has no task then.
    """
    unclaimed = await _keep_client_out(service, session_id)
    deadline_at = Millis(service.clock() + service.settings.limits.terminate_wait * 1000)
    changes = SessionChanges(details=_cut(details), deadline_at=deadline_at, token_id="")
    session = await _transition(service, session_id, SessionStatus.TERMINATING, changes)
    if session is None:
        return False
    agent_told = relayed = True
    try:
        reply = await service.bus.request(
            session_subject(session_id), encode(EndSession(_cut(details), lost=True)), timeout=_END_WAIT
        )
        agent_told = decode_end_answer(reply).agent_told
    except NoResponders:
        agent_told = relayed = False
    except TimeoutError:
        agent_told = False
    if not agent_told:
        await service.bus.publish(control_subject(session.target), encode(EndTask(session_id)))
    if unclaimed and not relayed:
        await _close(service, session_id, SessionStatus.TERMINATED, "")
    return True


async def _keep_client_out(service: Service, session_id: SessionId) -> bool:
    """Use up the token of a session whose client has not connected; False if it has, or has at this moment."""
    session = await service.store.sessions.get(session_id)
    if session is None or session.status is not SessionStatus.CONNECTING or session.token_id is None:
        return False
    return await service.store.sessions.consume_token(session_id, session.token_id) is not None


async def session_finished(service: Service, session_id: SessionId, details: str) -> None:
    """Set Terminated: the agent ended the session by itself and said so on its data channel. Idempotent.

    `details` is the cause, empty for a normal end; the relay notifies the client itself.
    """
    await _close(service, session_id, SessionStatus.TERMINATED, details)


async def agent_task_completed(
    service: Service, node_id: NodeId, session_id: SessionId, final_status: str, output: str
) -> None:
    """Handle the agent's `agent_task_complete` (`protocol/agent.md` §3.7): end the session, notify its relay.

    Idempotent. A session that nobody joined and whose task did not succeed is Failed. Ignored for a session of another
    node; acknowledge the message in every case.
    """
    session = await service.store.sessions.get(session_id)
    if session is None or session.target != node_id or session.status in ENDED:
        return
    details = output.replace(_ERROR_HEADING, "").strip()
    succeeded = final_status == "Success"
    if not succeeded and not details:
        details = f"The agent reported {final_status}."
    if not succeeded and await fail_session(service, session_id, details):
        return
    # Details of an ending session already say who ended it; the agent only confirms.
    kept = session.status is SessionStatus.TERMINATING
    if await _close(service, session_id, SessionStatus.TERMINATED, "" if kept else details) is not None:
        await _publish_end(service, session_id, details, lost=kept or not succeeded)


async def fail_session(service: Service, session_id: SessionId, details: str) -> bool:
    """Set a Connecting session Failed and notify its relay; False if it was no longer Connecting."""
    if await _close(service, session_id, SessionStatus.FAILED, details) is None:
        return False
    await _publish_end(service, session_id, details, lost=True)
    return True


async def _transition(
    service: Service, session_id: SessionId, to: SessionStatus, changes: SessionChanges
) -> Session | None:
    """Change a session's status and record it. The only place that does."""
    changed = await service.store.sessions.transition(session_id, to, changes)
    if changed is not None:
        session_changed(service, changed)
    return changed


async def set_deadline(service: Service, session_id: SessionId, seconds: int) -> None:
    """Have the sweep check a session in `seconds`."""
    await service.store.sessions.set_deadline(session_id, Millis(service.clock() + seconds * 1000))


async def _close(service: Service, session_id: SessionId, status: SessionStatus, details: str) -> Session | None:
    changes = SessionChanges(details=_cut(details) or None, ended_at=service.clock(), token_id="")
    return await _transition(service, session_id, status, changes)


async def _publish_end(service: Service, session_id: SessionId, output: str, *, lost: bool) -> None:
    await service.bus.publish(session_subject(session_id), encode(EndSession(_cut(output), lost)))


def _cut(text: str) -> str:
    return text if len(text) <= DETAILS_LIMIT else text[: DETAILS_LIMIT - 1] + "…"
