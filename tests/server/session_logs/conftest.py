"""A server whose sessions' logs go to Moto, through a proxy that fails on demand."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from ferryman.recording.aws_clients import AwsAccess
from ferryman.recording.outputs import delivery, destinations
from ferryman.recording.outputs.destinations import Reach
from tests.aws_stand_ins import KEY_ID, REGION, SECRET, StandIn, moto, shared_client
from tests.faulty_proxy import FaultyProxy, faulty_proxy
from tests.server.logged import BUCKET, GROUP, Logged
from tests.server.running import Recorded, Server


@pytest.fixture(scope="session")
def aws() -> Iterator[StandIn]:
    with moto() as started:
        yield started


@pytest.fixture(scope="session")
def shared_proxy(aws: StandIn) -> Iterator[FaultyProxy]:
    with faulty_proxy(aws.url) as started:
        yield started


@pytest.fixture
def proxy(aws: StandIn, shared_proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch) -> FaultyProxy:
    """What is between the server and Moto, which has an empty bucket and log group."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setattr(destinations, "aws_client", shared_client)
    shared_proxy.fault = None
    aws.reset()
    aws.client("s3").create_bucket(Bucket=BUCKET)
    aws.client("logs").create_log_group(logGroupName=GROUP)
    return shared_proxy


@pytest.fixture
async def logged(tmp_path: Path, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Logged]:
    monkeypatch.setattr(delivery, "TICK_SECONDS", 0.05)
    monkeypatch.setattr(delivery, "FIRST_RETRY_MILLIS", 50)
    access = AwsAccess(REGION, proxy.url)
    made = Logged(tmp_path, Reach(access, access))
    yield made
    await made.recorder.close()


@pytest.fixture
def recorded(logged: Logged) -> Recorded:
    return logged.record


@pytest.fixture
async def server(server: Server, logged: Logged) -> AsyncIterator[Server]:
    yield server
    await logged.stop_delivery()  # before the store is closed
