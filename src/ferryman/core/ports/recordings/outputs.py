"""Ports for the delivery of session logs to S3 and CloudWatch Logs, and the values of logs that wait."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ferryman.model.identifiers import Millis, SessionId
from ferryman.model.session_outputs import SessionOutputs


class OutputKind(StrEnum):
    """How a log is delivered."""

    S3 = "s3"
    """An object, written when the session has ended."""
    CLOUD_WATCH = "cloudwatch"
    """The events of a log stream, written when the session has ended."""
    CLOUD_WATCH_STREAM = "cloudwatch-stream"
    """The events of a log stream, written while the session runs."""


@dataclass(frozen=True, slots=True)
class PendingOutput:
    """A log that is not delivered yet, or whose recording is still to be cleaned up.

    `progress` is what was delivered of it, in JSON, None for nothing. `attempts` have failed in a row, the last with
    `failure`. `is_over`: the session has ended, and its recording is finished or gone. `ended_at` is when the session
    ended, None if it has not; when it began if the store no longer has it.
    """

    session_id: SessionId
    kind: OutputKind
    outputs: SessionOutputs
    created_at: Millis
    progress: str | None = None
    attempts: int = 0
    failure: str | None = None
    delivered_at: Millis | None = None
    is_over: bool = False
    ended_at: Millis | None = None

    @property
    def destination(self) -> str:
        """Where the log goes, such as `the bucket example-logs`."""
        s3, cloud_watch = self.outputs.s3, self.outputs.cloud_watch
        if self.kind is OutputKind.S3:
            return f"the bucket {'' if s3 is None else s3.bucket}"
        return f"the log group {'' if cloud_watch is None else cloud_watch.log_group}"


@dataclass(frozen=True, slots=True)
class OutputBacklog:
    """How many logs wait, how many of them failed at least once, and which of those is the oldest."""

    waiting: int
    failing: int
    oldest: PendingOutput | None = None


class OutputStore(Protocol):
    """The rows of logs that are to be delivered."""

    async def add(self, session_id: SessionId, outputs: SessionOutputs, now: Millis) -> None:
        """Add a row for each destination; the session has none yet."""

    async def due(self, now: Millis, limit: int) -> Sequence[PendingOutput]:
        """Return up to `limit` rows that can be worked on, the oldest first.

        Those of running sessions only if they are streamed.
        """

    async def unfinished(self, now: Millis, limit: int) -> Sequence[PendingOutput]:
        """Return up to `limit` rows that could be worked on if the recordings of their ended sessions were finished."""

    async def of_session(self, session_id: str) -> Sequence[PendingOutput]:
        """Return the rows of a session."""

    async def acquire(self, output: PendingOutput, holder: str, now: Millis, until: Millis) -> bool:
        """Reserve a row for one server until a time, or extend that; False if another one has it."""

    async def release(self, holder: str) -> None:
        """Leave what a server has reserved to others."""

    async def advance(self, output: PendingOutput, progress: str | None) -> None:
        """Set what was delivered, and that the last attempt did not fail."""

    async def fail(self, output: PendingOutput, failure: str, retry_at: Millis) -> None:
        """Count a failed attempt, and set its cause and when to try again."""

    async def deliver(self, output: PendingOutput, now: Millis) -> None:
        """Set a row delivered."""

    async def delete(self, session_id: str) -> None:
        """Delete the rows of a session."""

    async def backlog(self) -> OutputBacklog:
        """Return what waits."""


class Undeliverable(Exception):
    """A log cannot be delivered; the text names the destination and why, for whoever starts a session.

    `cause` is for administrators: what S3 or CloudWatch Logs said, None if the text says all.
    """

    def __init__(self, text: str, cause: str | None = None) -> None:
        super().__init__(text)
        self.cause = cause


class TooManyChecks(Exception):
    """Too many destinations are being checked, for one person or for all."""


class Unencrypted(Undeliverable):
    """A destination that must be encrypted is not; the text is AWS's."""


class OutputDestinations(Protocol):
    """S3 and CloudWatch Logs, as this server reaches them."""

    async def check(self, outputs: SessionOutputs, person: str) -> None:
        """Raise `Undeliverable` if the server has no access, `Unencrypted` if encryption is missing.

        `person` is who starts the session, whose checks are limited: raises `TooManyChecks`.
        """


NOT_CONFIGURED = "{what} needs the table [{table}] in the server's configuration"
"""Why a log cannot be delivered on a server that was given no access."""


class NoDestinations:
    """A server without access to S3 and CloudWatch Logs."""

    async def check(self, outputs: SessionOutputs, person: str) -> None:
        """Raise `Undeliverable`."""
        if outputs.s3 is not None:
            raise Undeliverable(NOT_CONFIGURED.format(what=f"the bucket {outputs.s3.bucket}", table="outputs.s3"))
        if outputs.cloud_watch is not None:
            group = outputs.cloud_watch.log_group
            raise Undeliverable(NOT_CONFIGURED.format(what=f"the log group {group}", table="outputs.cloudwatch"))
