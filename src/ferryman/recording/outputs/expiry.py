"""Decides when a session log that cannot be delivered is given up, so that the space of its recording is freed."""

import structlog

from ferryman.core.audit.output_records import output_given_up
from ferryman.core.ports.recordings.outputs import PendingOutput
from ferryman.core.recordings.retention import trusted_now
from ferryman.core.service import Service
from ferryman.model.identifiers import Millis
from ferryman.model.values.timestamps import from_millis, iso_millis

DAY_MILLIS = 86_400_000
WARNED_MILLIS = DAY_MILLIS
"""How long before a log is given up the server's log warns; half of the limit if that is less."""

_log = structlog.get_logger("ferryman.outputs")


class Expiry:
    """Logs are given up `days` after their sessions ended, never if `days` is 0."""

    def __init__(self, service: Service, days: int) -> None:
        self._service = service
        self._millis = days * DAY_MILLIS

    def given_up_at(self, ended_at: Millis | None) -> Millis | None:
        """Return when the log of a session that ended at a time is given up; None for never, or not yet known."""
        return Millis(ended_at + self._millis) if self._millis and ended_at is not None else None

    def failed(self, output: PendingOutput, reason: str, retry_at: Millis) -> bool:
        """Return whether an attempt that just failed was the last one, and record that.

        Only a failed attempt ends a log, so a server that was down for longer still tries each once. Warns before the
        last day begins, `retry_at` being the next attempt.
        """
        at = self.given_up_at(output.ended_at)
        if at is None or output.ended_at is None or not self._service.clock_steps.settled:
            return False
        now = trusted_now(self._service)
        about = {"session_id": output.session_id, "destination": output.destination, "reason": reason}
        if now >= at:
            output_given_up(self._service, output, output.ended_at, reason)
            _log.error("session log given up", **about)
            return True
        if now <= at - min(WARNED_MILLIS, self._millis // 2) < retry_at:
            _log.warning("session log will be given up", **about, at=iso_millis(from_millis(at)))
        return False
