"""Sessions that tests of the stores write."""

from dataclasses import replace

from ferryman.model.identifiers import Millis, NodeId, SessionId
from ferryman.model.sessions import AccessType, Session, SessionStatus

SESSION = Session(
    session_id=SessionId("alice-0"),
    target=NodeId("mi-1"),
    status=SessionStatus.CONNECTING,
    started_at=Millis(1000),
    document_name="SSM-SessionManagerRunShell",
    owner="arn:aws:iam::1:user/alice",
    owner_id="AIDA1",
    owner_name="alice",
    deadline_at=Millis(61_000),
    idle_timeout=20,
)
FULL = replace(
    SESSION,
    session_id=SessionId("alice-1"),
    status=SessionStatus.TERMINATED,
    ended_at=Millis(2000),
    reason="because é \U0001f6b6",
    details="x" * 1024,
    max_duration=1440,
    access_type=AccessType.JUST_IN_TIME,
    token_id="t",
)
