"""Real HTTP servers that speak S3 and CloudWatch Logs (Moto, and SeaweedFS for S3), and clients for them."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from ferryman.recording.aws_clients import aws_client
from tests.ports import free_port
from tests.waiting import PATIENCE, freeze

REGION = "us-east-1"
KEY_ID, SECRET = "AKIAIOSFODNN7EXAMPLE", "secret"
shared_client = cache(aws_client)
"""Use it instead of `aws_client` if a test needs no client of its own: making one takes a fifth of a second."""
READER_KEY_ID = "AKIAREADER7EXAMPLE"
"""A key that may only read; SeaweedFS only."""


class Ended(Exception):
    """A server ended by itself, because a port that it wanted was in use."""


@dataclass
class StandIn:
    """A running server."""

    url: str
    process: "subprocess.Popen[bytes]"
    clients: dict[tuple[str, str], Any] = field(default_factory=dict)
    making: threading.Lock = field(default_factory=threading.Lock)

    def check(self) -> None:
        """Raise `Ended` if it has ended."""
        if self.process.poll() is not None:
            raise Ended(self.process.args)

    def client(self, service: str, key_id: str = KEY_ID) -> Any:
        """A botocore client, made once."""
        with self.making:
            if (service, key_id) not in self.clients:
                self.clients[service, key_id] = Session().create_client(
                    service,
                    region_name=REGION,
                    endpoint_url=self.url,
                    aws_access_key_id=key_id,
                    aws_secret_access_key=SECRET,
                    config=Config(
                        s3={"addressing_style": "path"},
                        retries={"total_max_attempts": 1},
                        connect_timeout=PATIENCE,
                        read_timeout=PATIENCE,
                    ),
                )
            return self.clients[service, key_id]

    def reset(self) -> None:
        """Forget everything; Moto only."""
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/moto-api/reset", method="POST")).close()  # noqa: S310

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Accept connections and answer none."""
        freeze(self.process.pid)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


def credentials(directory: Path) -> dict[str, str]:
    """Return the environment of a program that has these credentials, and a profile `reader`, in files of its own."""
    path = directory / "credentials"
    path.write_text(
        f"[default]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET}\n"
        f"[reader]\naws_access_key_id = {READER_KEY_ID}\naws_secret_access_key = {SECRET}\n"
    )
    return {"AWS_SHARED_CREDENTIALS_FILE": str(path)}


@contextmanager
def moto() -> Iterator[StandIn]:
    """S3 and CloudWatch Logs by Moto, without buckets and log groups."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with _running(command, f"http://127.0.0.1:{port}") as started:
        yield started


@contextmanager
def seaweedfs(directory: Path) -> Iterator[StandIn]:
    """S3 by SeaweedFS, without buckets, below an empty directory."""
    identities = [
        {"name": "owner", "credentials": [_key(KEY_ID)], "actions": ["Admin", "Read", "Write", "List", "Tagging"]},
        {"name": "reader", "credentials": [_key(READER_KEY_ID)], "actions": ["Read", "List"]},
    ]
    config = directory / "identities.json"
    config.write_text(json.dumps({"identities": identities}))
    with ExitStack() as stack:
        for attempt in range(3):
            try:
                yield stack.enter_context(_seaweedfs(directory / str(attempt), config))
            except Ended:
                continue
            return
        raise AssertionError("SeaweedFS ended three times while it started")


@contextmanager
def _seaweedfs(directory: Path, config: Path) -> Iterator[StandIn]:
    master, volume, filer, s3 = (free_port() for _ in range(4))  # gRPC listens 10,000 higher
    directory.mkdir()
    command = [
        str(Path(sys.executable).parent / "weed"),
        "server",
        f"-dir={directory}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-s3",
        "-s3.iam=false",
        f"-s3.config={config}",
        f"-master.port={master}",
        f"-volume.port={volume}",
        f"-filer.port={filer}",
        f"-s3.port={s3}",
        "-volume.max=20",
        "-master.volumeSizeLimitMB=16",
    ]
    with _running(command, f"http://127.0.0.1:{s3}") as started:
        client, deadline = started.client("s3"), time.monotonic() + PATIENCE
        while True:
            try:
                client.list_buckets()
                break
            except (BotoCoreError, ClientError):
                assert time.monotonic() < deadline, "SeaweedFS does not answer"
                started.check()
                time.sleep(0.2)
        yield started


def create_bucket(server: StandIn, name: str) -> None:
    """Create a bucket; waits for a server that has just started."""
    client, deadline = server.client("s3"), time.monotonic() + PATIENCE
    while True:
        try:
            client.create_bucket(Bucket=name)
            client.put_object(Bucket=name, Key="ready", Body=b"")
            client.delete_object(Bucket=name, Key="ready")
            return
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


@contextmanager
def _running(command: list[str], url: str) -> Iterator[StandIn]:
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONWARNINGS": "ignore"}
    )
    try:
        _wait(url, process)
        yield StandIn(url, process)
    finally:
        process.kill()  # SeaweedFS takes minutes to stop by itself
        process.wait()


def _wait(url: str, process: "subprocess.Popen[bytes]") -> None:
    host, port = url.removeprefix("http://").split(":")
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection((host, int(port)), 1).close()
            return
        except OSError:
            if process.poll() is not None:
                raise Ended(process.args) from None
            assert time.monotonic() < deadline, f"nothing listens on {url}"
            time.sleep(0.1)


def _key(key_id: str) -> dict[str, str]:
    return {"accessKey": key_id, "secretKey": SECRET}
