"""Audit records of who watched a session live, from when to when."""

from collections.abc import Sequence

from ferryman.core.audit.records import event, moment
from ferryman.core.audit.redaction import text
from ferryman.core.record_budget import Allowance, Cause
from ferryman.core.service import Service
from ferryman.model.identifiers import Millis, SessionId
from ferryman.model.identity.callers import Caller
from ferryman.model.sessions import Session

WATCH_CHANGE = "Session Watching State-change Notification"


def watching_began(service: Service, session: Session, caller: Caller, source_ip: str | None) -> None:
    """Record that someone has begun to watch a session."""
    _note(service, session, caller, {"state": "Began", "sourceIPAddress": source_ip})


def watching_ended(service: Service, session: Session, caller: Caller, since: Millis, reason: str) -> None:
    """Record that someone no longer watches a session; `reason` is why the server ended it, "" if they left."""
    _note(service, session, caller, {"state": "Ended", "since": moment(since), "reason": text(reason) or None})


def observation_changed(
    service: Service, session_id: SessionId, state: str, observers: Sequence[str], required: int
) -> None:
    """Record that an observed session is `Released`, so that it runs, or `Held`; `observers` are ARNs."""
    detail = {
        "sessionId": session_id,
        "state": state,
        "observers": [text(each) for each in observers],
        "required": required,
    }
    cause = Cause(session_id, f"{WATCH_CHANGE} {state}")
    if service.records.allows((Allowance(f"observed:{session_id}", 100, 0.1),), cause, service.clock()):
        service.trail.note(event(service, WATCH_CHANGE, [service.arns.session(session_id)], detail))


def _note(service: Service, session: Session, caller: Caller, detail: dict[str, str | None]) -> None:
    cause = Cause(caller.person_id, f"{WATCH_CHANGE} {detail['state']}", caller.arn)
    allowance = Allowance(f"watch:{caller.person_id}", 200, 0.2)
    if not service.records.allows((allowance,), cause, service.clock()):
        return
    members = {
        "sessionId": session.session_id,
        "target": session.target,
        "owner": session.owner,
        "watcher": text(caller.arn),
        "announced": str(service.settings.watching.announce).lower(),
        **detail,
    }
    resources = [service.arns.session(session.session_id), service.arns.node(session.target)]
    service.trail.note(event(service, WATCH_CHANGE, resources, members))
