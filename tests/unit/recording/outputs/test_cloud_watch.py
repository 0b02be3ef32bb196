"""A long log is put in events and batches of the sizes that CloudWatch takes, and continued; against Moto."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from ferryman.model.identifiers import Millis
from ferryman.recording.aws_clients import CallFailed
from ferryman.recording.outputs.cloud_watch import MOST_EVENT_BYTES, log_group_key, put_log
from tests.aws_stand_ins import moto

NOW = Millis(1_795_000_000_000)
LOG = [b"0123456789\r\n" * 10_000] * 25
"""3 MB."""


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with moto() as started:
        made = started.client("logs")
        made.create_log_group(logGroupName="/g")
        yield made


def messages(client: Any, stream: str) -> list[str]:
    found: list[str] = []
    token: dict[str, str] = {}
    while page := client.get_log_events(logGroupName="/g", logStreamName=stream, startFromHead=True, limit=4, **token):
        if not page["events"]:
            break
        found += [event["message"] for event in page["events"]]
        token = {"nextToken": page["nextForwardToken"]}
    return found


def test_log_is_put_in_order_in_events_of_bounded_size(client: Any) -> None:
    list(put_log(client, "/g", "whole", LOG, None, lambda: NOW))
    found = messages(client, "whole")
    assert "".join(found) == b"".join(LOG).decode().replace("\r\n", "\n")
    assert all(len(message.encode()) <= MOST_EVENT_BYTES for message in found)


def test_log_is_continued_behind_what_was_put(client: Any) -> None:
    (progress,) = islice(put_log(client, "/g", "continued", LOG, None, lambda: NOW), 1)
    list(put_log(client, "/g", "continued", LOG, progress, lambda: NOW))
    assert "".join(messages(client, "continued")) == b"".join(LOG).decode().replace("\r\n", "\n")


def test_key_of_a_log_group_whose_name_only_begins_the_same_counts_nothing(client: Any) -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef"
    client.create_log_group(logGroupName="/secret/all", kmsKeyId=key)
    assert log_group_key(client, "/secret/all") == key
    with pytest.raises(CallFailed, match="/secret does not exist"):
        log_group_key(client, "/secret")
