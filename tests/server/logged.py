"""A server whose sessions' logs go to a stand-in of AWS, and what tests ask of it."""

import asyncio
import json
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from ferryman.core.audit.output_records import OUTPUT_CHANGE
from ferryman.core.ports.audit import Entry, NoTrail
from ferryman.core.ports.recordings.store import RecordingMode
from ferryman.core.service import Service
from ferryman.recording.outputs.delivery import OutputDelivery
from ferryman.recording.outputs.destinations import Destinations, Reach
from ferryman.recording.recorder import ServerRecorder
from ferryman.recording.storage.directory import DirectoryStorage
from ferryman.recording.storage.spool import SpoolStorage
from tests.aws_stand_ins import StandIn
from tests.server.recorded_sessions import TICK_SECONDS
from tests.server.running import Paired, Server, until

DAYS = 14
"""After so long a log is given up."""
PREFERENCES = "SSM-SessionManagerRunShell"
BUCKET, GROUP = "session-logs", "/ferryman/sessions"
"""What the stand-in of AWS has when a test begins."""


class Trail(NoTrail):
    """Keeps what it gets in a list."""

    def __init__(self, entries: list[Entry]) -> None:
        self._entries = entries

    def note(self, entry: Entry) -> None:
        self._entries.append(entry)


@dataclass
class Logged:
    """The recorder and the delivery of the test's server, once that has started."""

    directory: Path
    reach: Reach
    mode: RecordingMode = RecordingMode.OFF
    spool_bytes: int = 10 * 1024 * 1024
    entries: list[Entry] = field(default_factory=list)
    """What the audit trail got."""
    service: Service = field(init=False)
    spool: SpoolStorage = field(init=False)
    recorder: ServerRecorder = field(init=False)
    delivery: OutputDelivery = field(init=False)
    running: "list[asyncio.Task[None]]" = field(init=False)

    def record(self, service: Service) -> Service:
        self.service = replace(service, trail=Trail(self.entries))
        self.spool = SpoolStorage(self.directory / "outputs", self.spool_bytes)
        storage = DirectoryStorage(self.directory / "recordings")
        self.recorder = ServerRecorder(self.service, storage, self.mode, spool=self.spool, tick_seconds=TICK_SECONDS)
        self.delivery = self._made()
        self.running = [asyncio.create_task(each.run()) for each in (self.recorder, self.delivery)]
        return replace(self.service, recorder=self.recorder, outputs=self.delivery._destinations)

    async def restart_delivery(self) -> None:
        """End the delivery, and start another one, which knows what the store knows."""
        task = self.running.pop()
        task.cancel()
        await asyncio.wait([task])
        await self.delivery.close()
        self.delivery = self._made()
        self.running.append(asyncio.create_task(self.delivery.run()))

    def _made(self) -> OutputDelivery:
        destinations = Destinations(self.reach)
        return OutputDelivery(self.service, self.recorder, destinations, give_up_after_days=DAYS)

    async def stop_delivery(self) -> None:
        for task in self.running:
            task.cancel()
        await asyncio.wait(self.running)
        await self.delivery.close()


async def prefer(server: Server, **inputs: Any) -> None:
    """Set the inputs of the account's preferences."""
    content = {"schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": inputs}
    await server.call("create_document", Name=PREFERENCES, Content=json.dumps(content), DocumentType="Session")


async def end(server: Server, paired: Paired) -> None:
    """End a session as its agent does."""
    await paired.end()


async def delivered(server: Server, session_id: str) -> None:
    """Return when nothing of a session waits to be delivered."""
    await until(partial(server.store.outputs.of_session, session_id), lambda rows: not rows)


async def output_url(server: Server, session_id: str, state: str = "History") -> dict[str, str]:
    """The links that DescribeSessions shows."""
    filters = [{"key": "SessionId", "value": session_id}]
    answer = await server.call("describe_sessions", State=state, Filters=filters)
    return dict(answer["Sessions"][0]["OutputUrl"])


async def text_in_bucket(aws: StandIn, session_id: str, prefix: str = "") -> str:
    client = await asyncio.to_thread(aws.client, "s3")
    answer = await asyncio.to_thread(partial(client.get_object, Bucket=BUCKET, Key=f"{prefix}{session_id}.log"))
    return str(answer["Body"].read().decode())


async def messages(aws: StandIn, session_id: str) -> list[str]:
    """The events of a session's log stream; none if there is no stream."""
    client = await asyncio.to_thread(aws.client, "logs")
    try:
        answer = await asyncio.to_thread(
            partial(client.get_log_events, logGroupName=GROUP, logStreamName=session_id, startFromHead=True)
        )
    except client.exceptions.ResourceNotFoundException:
        return []
    return [event["message"] for event in answer["events"]]


async def streamed(aws: StandIn, session_id: str) -> list[str]:
    """The lines of a session's events."""
    return [line for each in await messages(aws, session_id) for line in json.loads(each)["sessionData"]]


def given_up(logged: Logged) -> list[dict[str, Any]]:
    """The records of logs that were given up."""
    return [dict(each["detail"]) for each in logged.entries if each.get("detail-type") == OUTPUT_CHANGE]
