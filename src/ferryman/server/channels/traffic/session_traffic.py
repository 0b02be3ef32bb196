"""What a session carries, for its recording and the audit trail: connections of a port, or a file that is copied."""

import msgspec

from ferryman.core.audit.traffic_records import connections_summed, file_copied
from ferryman.core.ports.audit import NoTrail
from ferryman.core.ports.recordings.recorder import SessionTap
from ferryman.core.service import Service
from ferryman.core.sessions.document import forwarded_port
from ferryman.model.sessions import Session, SessionStatus
from ferryman.model.values.copy_reasons import file_copy
from ferryman.server.channels.relay.recording_tap import RecordingTap
from ferryman.server.channels.traffic.port_traffic import PortTraffic

CONNECTION, FILE = "c", "f"
"""The kinds of a recording's events."""


class SessionTraffic:
    """What one session carries while it has an end on this server; `document` is the content that its node gets."""

    def __init__(self, service: Service, session: Session, document: str, tap: RecordingTap) -> None:
        self._service = service
        self._session = session
        self._tap = tap
        self._port = forwarded_port(document)
        self._copy = None if self._port is not None else file_copy(session.reason)
        is_new = session.status is SessionStatus.CONNECTING
        if self._port is not None and not (tap.recorder is None and isinstance(service.trail, NoTrail)):
            tap.traffic = PortTraffic(self._report, forwards=self._port.listens, from_start=is_new)
            self._report({"state": "forwarding", "host": self._port.host, "port": self._port.port})
        if self._copy is not None and is_new and tap.recorder is not None:
            _note(tap.recorder, FILE, self._copy.members)

    def close(self) -> None:
        """Record what the session carried; call it when its last end has left this server."""
        traffic, port = self._tap.traffic, self._port
        if traffic is not None and port is not None:
            totals = traffic.close()
            self._report(
                {
                    "state": "total",
                    "connections": totals.opened,
                    "refused": totals.refused,
                    "sent": totals.sent,
                    "received": totals.received,
                    "complete": totals.is_complete,
                }
            )
            connections_summed(self._service, self._session, port.host, port.port, totals)
        if self._copy is not None:
            file_copied(self._service, self._session, self._copy, self._tap.exit_code)

    def _report(self, event: dict[str, object]) -> None:
        if self._tap.recorder is not None:
            _note(self._tap.recorder, CONNECTION, event)


def _note(recorder: SessionTap, kind: str, event: object) -> None:
    recorder.note(kind, msgspec.json.encode(event))
