"""A session's log as the events of a log stream (`protocol/agent.md` §6). Calls block."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec

from ferryman.core.ports.recordings.outputs import Undeliverable
from ferryman.model.identifiers import Millis
from ferryman.recording.aws_clients import CallFailed, calling
from ferryman.recording.outputs.text import event_messages

MOST_EVENT_BYTES = 200_000
BATCH_BYTES = 1_000_000
"""CloudWatch accepts 1,048,576, counting 26 for each event."""
_EVENT_OVERHEAD = 26
_BATCH_EVENTS = 5
"""How many events of the largest size fit into a batch."""
_EXISTS = "ResourceAlreadyExistsException"


class Put(msgspec.Struct, frozen=True):
    """How many events of a log were put."""

    events: int


def log_group_key(client: Any, group: str) -> str | None:
    """Return the KMS key of a log group, None if it has none; raises `CallFailed`, also if there is no such group."""
    where = f"the log group {group}"
    with calling("logs:DescribeLogGroups", where):
        answer = client.describe_log_groups(logGroupNamePrefix=group)  # in order of names: this one comes first
    for found in answer.get("logGroups", []):
        if found["logGroupName"] == group:
            return found.get("kmsKeyId") or None
    raise CallFailed(f"{where} does not exist", "ResourceNotFoundException", 400)


def require_key(client: Any, group: str) -> None:
    """Raise `Undeliverable` if a log group has no key, although the log must be encrypted; `CallFailed` as above."""
    if log_group_key(client, group) is None:
        raise Undeliverable(
            f"the log group {group} no longer has a key, with which the session's log must be encrypted"
        )


def create_log_stream(client: Any, group: str, stream: str) -> None:
    """Create a log stream if it does not exist; raises `CallFailed`."""
    try:
        with calling("logs:CreateLogStream", f"the log group {group}"):
            client.create_log_stream(logGroupName=group, logStreamName=stream)
    except CallFailed as error:
        if error.code != _EXISTS:
            raise


def put_events(client: Any, group: str, stream: str, messages: Sequence[str], now: Callable[[], Millis]) -> None:
    """Append messages, in as many calls as they need; raises `CallFailed`.

    Each has the time of the call: old times would be refused, and events must be in order.
    """
    for batch in _batches(messages):
        at = now()
        events = [{"timestamp": at, "message": message} for message in batch]
        with calling("logs:PutLogEvents", f"the log group {group}"):
            client.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def put_log(
    client: Any, group: str, stream: str, pieces: Iterable[bytes], progress: str | None, now: Callable[[], Millis]
) -> Iterator[str]:
    """Write a log to a stream; each step makes one call, and yields the progress to store.

    `progress` is what was stored last: a step whose progress was not stored is repeated. Raises `CallFailed`.
    """
    done = 0 if progress is None else msgspec.json.decode(progress, type=Put).events
    create_log_stream(client, group, stream)
    messages = islice(event_messages(pieces, MOST_EVENT_BYTES), done, None)
    while batch := list(islice(messages, _BATCH_EVENTS)):
        put_events(client, group, stream, batch, now)
        done += len(batch)
        yield msgspec.json.encode(Put(done)).decode()


def _batches(messages: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for message in messages:
        length = len(message.encode()) + _EVENT_OVERHEAD
        if batch and size + length > BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += length
    if batch:
        yield batch
