"""What happens to a session after StartSession: its task, its ends, its end. Called by the gateway."""

from ferryman.core.service import Service
from ferryman.model.identifiers import Millis, NodeId, SessionId
from ferryman.model.sessions import Session


async def dispatch_task(service: Service, session: Session) -> bool:
    """Send the session's task to its node, once its client is there; False if the node is not reachable.

    Then the session is Failed and `EndSession` was published to its relay.
    """
    raise NotImplementedError


async def ends_attached(service: Service, session_id: SessionId) -> Session | None:
    """Both ends are attached and the agent reported Connected: the session is Connected, its idle time starts anew.

    Returns the session; None if it has ended or is ending (the relay then tells both ends and closes). Idempotent.
    """
    raise NotImplementedError


async def end_lost(service: Service, session_id: SessionId, last_activity: Millis | None) -> Session | None:
    """An end's socket was lost: Connected becomes Disconnected, which the idle timeout ends. Idempotent.

    `last_activity` is when a user last typed, resized or got output; None means now. Returns the session if it is now
    Disconnected or still Connecting, None otherwise.
    """
    raise NotImplementedError


async def session_finished(service: Service, session_id: SessionId, details: str) -> None:
    """The agent ended the session by itself (said so on its data channel): Terminated at once. Idempotent.

    `details` is the cause, empty for a normal end; the relay tells the client itself.
    """
    raise NotImplementedError


async def agent_task_completed(
    service: Service, node_id: NodeId, session_id: SessionId, final_status: str, output: str
) -> None:
    """The agent's `agent_task_complete` (`protocol/agent.md` §3.7): the session is over, its relay is told. Idempotent.

    Ignored for a session that is not the node's. Acknowledge the message in every case.
    """
    raise NotImplementedError


async def fail_session(service: Service, session_id: SessionId, details: str) -> bool:
    """A Connecting session is Failed, its relay is told; False if it was not Connecting any more."""
    raise NotImplementedError
