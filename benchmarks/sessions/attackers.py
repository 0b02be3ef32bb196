"""Attackers for `under_attack`, each a process: `python -m benchmarks.sessions.attackers KIND`, facts on its input.

They run at the lowest priority, since an attacker's own work is done on another machine. Each stops by itself after the
seconds it was given. What the server refuses or closes is opened again after a short pause.
"""

import contextlib
import itertools
import json
import os
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.peers.raw_peers import (
    SignedCall,
    call_status,
    masked,
    open_channel,
    post,
    register,
    stream_frame,
    upgrade,
)
from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret
from ferryman.wire.agent_message import MessageType

PING, PONG = 9, 10
ADDRESSES = tuple(f"127.0.0.{last}" for last in range(2, 7))
"""Where strangers come from; the server counts connections from these."""
HALF_OPEN = 256
"""Unfinished requests that a stranger tries to hold from each address."""
CROWD = 240
PAUSE = 0.02
"""Seconds between attempts of one attacking thread after a refusal."""
BATCH = 200
"""Frames sent with one call."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What an attacker knows: the server, and the key that it holds, if any."""

    port: int
    region: str
    seconds: float
    access_key_id: str = ""
    secret_access_key: str = ""

    @property
    def credentials(self) -> Credentials:
        return Credentials(self.access_key_id, Secret(self.secret_access_key))

    def as_json(self) -> str:
        return json.dumps(asdict(self))


Step = Callable[[], None]
"""Does some harm and returns; raises OSError or ConnectionError when the server has had enough."""


def stranger(facts: Facts) -> list[Step]:
    """Someone with nothing: control frames, unfinished requests, garbage, bodies, unsigned calls."""
    addresses = itertools.cycle(ADDRESSES)
    held: list[socket.socket] = []

    def half_open() -> None:
        while len(held) >= HALF_OPEN * len(ADDRESSES):
            held.pop(0).close()
        connection = socket.create_connection(("127.0.0.1", facts.port), 5, (next(addresses), 0))
        connection.sendall(b"POST / HTTP/1.1\r\nHost: server\r\nX-Slow: ")
        held.append(connection)

    def garbage() -> None:
        with socket.create_connection(("127.0.0.1", facts.port), 5, (next(addresses), 0)) as connection:
            connection.sendall(os.urandom(64) + b"\r\n\r\n")
            connection.recv(4096)

    def unsigned() -> None:
        post(facts.port, "/", {"X-Amz-Target": "AmazonSSM.StartSession"}, b"{}", next(addresses))

    def large_body() -> None:
        headers = {"X-Amz-Target": "AmazonSSM.StartSession", "Authorization": "AWS4-HMAC-SHA256 Credential=x"}
        post(facts.port, "/", headers, bytes(1024 * 1024), next(addresses))

    return [
        lambda: _flood(_channel(facts, next(addresses)), masked(b"x" * 100, PING), facts.seconds),
        lambda: _flood(_channel(facts, next(addresses)), masked(b"", PONG), facts.seconds),
        half_open,
        garbage,
        unsigned,
        large_body,
        large_body,
    ]


def caller(facts: Facts) -> list[Step]:
    """Someone with a valid access key and no permissions: calls that cost, as many as there can be."""
    keys = [f"key-{number}-{'x' * 30}" for number in range(8000)]
    policies = [json.dumps(_costly_policy(number)) for number in range(50)]
    values = [f"{'a' * 100}{number}" for number in range(900)]
    node = {"ResourceType": "ManagedInstance", "ResourceId": "mi-0123456789abcdef0"}

    def calling(operation: str, members: dict[str, Any]) -> Step:
        # Signed once and repeated for as long as the signature is good: signing costs more than answering should.
        signed = SignedCall(facts.port, facts.credentials, operation, members, facts.region)

        def step() -> None:
            signed.send()

        return step

    def simulate() -> None:
        members = {
            "Action": "SimulateCustomPolicy",
            "Version": "2010-05-08",
            "ActionNames.member.1": "ssm:StartSession",
            **{f"PolicyInputList.member.{number}": text for number, text in enumerate(policies, 1)},
            "ContextEntries.member.1.ContextKeyName": "aws:TagKeys",
            "ContextEntries.member.1.ContextKeyType": "stringList",
            **{f"ContextEntries.member.1.ContextKeyValues.member.{n}": text for n, text in enumerate(values, 1)},
        }
        call_status(facts.port, facts.credentials, "iam", members, facts.region)

    def document(content: str, kind: str) -> Step:
        members = {"Name": "attack", "Content": content, "DocumentType": kind, "DocumentFormat": "YAML"}
        return calling("CreateDocument", members)

    chain = "permit (principal, action, resource) when { principal has " + "a." * 8000 + "a };"
    return [
        calling("RemoveTagsFromResource", {**node, "TagKeys": keys}),
        calling("DescribeSessions", {"State": "History"}),
        calling("DescribeInstanceInformation", {}),
        calling("StartSession", {"Target": "mi-0123456789abcdef0", "Reason": "x" * 200}),
        document("a: [" + "[1, 2], " * 7000 + "]", "Session"),
        document(chain, "AutoApprovalPolicy"),
        simulate,
    ]


def node(facts: Facts) -> list[Step]:
    """Someone who owns a registered node: floods on its channels, and the calls that nodes may make."""
    ours = register(facts.port, facts.credentials, facts.region)
    control = f"/v1/control-channel/{ours.node_id}"
    ours.control.close()

    def flooding(content: bytes) -> Step:
        def step() -> None:
            connection, opening = open_channel(facts.port, ours.credentials, control, facts.region)
            opening = {"AgentVersion": "4.0.1.0", "PlatformType": "linux"} | opening
            connection.sendall(masked(json.dumps(opening).encode(), 1))
            _flood(connection, content, facts.seconds)

        return step

    information = {"InstanceId": ours.node_id, "AgentVersion": "4.0.1.0", "AgentStatus": "Active"}
    information |= {"PlatformType": "Linux", "ComputerName": "x" * 200, "AgentName": "amazon-ssm-agent"}
    signed = SignedCall(facts.port, ours.credentials, "UpdateInstanceInformation", information, facts.region)

    def inform() -> None:
        signed.send()

    return [
        flooding(masked(b"x" * 100, PING)),
        flooding(masked(stream_frame(MessageType.AGENT_TASK_COMPLETE, 0, b"{}"))),
        flooding(masked(os.urandom(200))),
        inform,
        lambda: open_channel(facts.port, ours.credentials, control, facts.region)[0].close(),
        lambda: open_channel(
            facts.port, ours.credentials, f"/v1/data-channel/someone-{uuid.uuid4().hex[:17]}", facts.region
        )[0].close(),
    ]


def crowd(facts: Facts) -> list[Step]:
    """Someone with a valid access key and no permissions, on nearly as many connections as one caller may have."""
    members = {"Target": "mi-0123456789abcdef0"}
    signed = SignedCall(facts.port, facts.credentials, "GetConnectionStatus", members, facts.region)

    def step() -> None:
        signed.send()

    return [step] * CROWD


KINDS: dict[str, Callable[[Facts], list[Step]]] = {"stranger": stranger, "caller": caller, "node": node, "crowd": crowd}


def _costly_policy(number: int) -> dict[str, Any]:
    patterns = [f"*?{letter}?*{number}" for letter in "abcdefghij" * 20]
    condition = {"ForAnyValue:StringLike": {"aws:TagKeys": patterns}}
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}],
    }


def _channel(facts: Facts, address: str) -> socket.socket:
    return upgrade(facts.port, f"/v1/data-channel/x-{uuid.uuid4().hex[:17]}", {}, address)


def _flood(connection: socket.socket, content: bytes, seconds: float) -> None:
    """Send `content` over and over until the server closes; read what comes back."""
    until = time.monotonic() + seconds

    def read() -> None:
        with contextlib.suppress(OSError):
            while connection.recv(65536):
                pass

    reader = threading.Thread(target=read)
    reader.start()
    try:
        while time.monotonic() < until:
            connection.sendall(content * BATCH)
    finally:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        reader.join()
        connection.close()


def attack(kind: str, facts: Facts) -> dict[str, int]:
    """Repeat each step of a kind in a thread of its own until the time is over; how often each was done or refused."""
    until = time.monotonic() + facts.seconds
    counts = {"done": 0, "refused": 0}

    def repeat(step: Step) -> None:
        while time.monotonic() < until:
            try:
                step()
                counts["done"] += 1
            except (OSError, AssertionError):
                counts["refused"] += 1
                time.sleep(PAUSE)

    threads = [threading.Thread(target=repeat, args=(step,), daemon=True) for step in KINDS[kind](facts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()) + 1)
    return counts


if __name__ == "__main__":
    os.nice(19)
    print(json.dumps(attack(sys.argv[1], Facts(**json.loads(sys.stdin.readline())))), flush=True)
    os._exit(0)  # a thread may still wait for the server
