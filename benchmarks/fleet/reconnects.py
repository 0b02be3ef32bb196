"""What an agent that reconnects costs the server, and what an idle node costs it, both with a real server's trail.

A reconnect is what an agent does after a restart of the server: CreateControlChannel, the upgrade, the opening; its
credentials are still valid. The agents are raw sockets in this process, so only the server's processor time counts.
Nodes share one key pair, since making one takes longer than everything measured here. FERRYMAN_BENCHMARK_TLS=1 does it
over TLS.
"""

import json
import socket
import statistics
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from cryptography.hazmat.primitives.asymmetric import rsa

from benchmarks.measurement import Bar, Measurement
from benchmarks.peers.raw_peers import TLS, call, masked, open_channel, read_message, register_by
from benchmarks.peers.tcp_splice import processor_seconds
from benchmarks.sessions.echo import Ferryman, demo
from ferryman.model.identifiers import NodeId
from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret
from ferryman.model.values.versions import AGENT_VERSION

NODES = 200
ROUNDS = 3
MOST_OF_AN_ACTIVATION = 1000
SETTLE_SECONDS = 2.0
KIB = 1024
TEXT, PING = 1, 9
"""Opcodes of WebSocket messages."""


def run() -> list[Measurement]:
    """Measure; takes half a minute."""
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-") as directory, demo(Path(directory)) as ferryman:
        server = server_of(ferryman)
        first, *nodes = registered(ferryman, 1 + NODES)
        connected(ferryman, *first).close()
        time.sleep(SETTLE_SECONDS)
        before = server.memory_full_info().uss
        controls = [connected(ferryman, *node) for node in nodes]
        time.sleep(SETTLE_SECONDS)
        size = (server.memory_full_info().uss - before) / KIB / NODES
        for each in controls:
            each.close()
        time.sleep(SETTLE_SECONDS)
        took = [round_of(ferryman, nodes) for _ in range(ROUNDS)]
    return [
        Measurement(
            "server CPU for an agent that reconnects",
            1000 * statistics.median(took),
            "ms",
            bar=Bar("value", at_most=6),
            note="rounds of 200: " + ", ".join(f"{1000 * each:.1f}" for each in took),
        ),
        Measurement(
            f"memory of the server for an idle node, {'without' if TLS is None else 'with'} TLS",
            size,
            "KiB",
            bar=Bar("value", at_most=24 if TLS is None else 64),
        ),
    ]


def server_of(ferryman: Ferryman) -> psutil.Process:
    """The process that listens at the demo's address."""
    port = port_of(ferryman)
    for each in psutil.net_connections("tcp"):
        if each.status == psutil.CONN_LISTEN and each.laddr and each.laddr.port == port:
            return psutil.Process(each.pid)
    raise AssertionError("nothing listens")


def port_of(ferryman: Ferryman) -> int:
    return urlsplit(str(ferryman.facts["endpoint_url"])).port or 0


def registered(ferryman: Ferryman, count: int) -> list[tuple[NodeId, Credentials]]:
    """Register so many nodes, and fetch credentials for each."""
    port, region = port_of(ferryman), ferryman.facts["region"]
    administrator = Credentials(ferryman.facts["access_key_id"], Secret(ferryman.facts["secret_access_key"]))
    key = rsa.generate_private_key(65537, 2048)
    nodes: list[tuple[NodeId, Credentials]] = []
    for _ in range(count):
        if len(nodes) % MOST_OF_AN_ACTIVATION == 0:
            members = {"IamRole": "bench", "RegistrationLimit": MOST_OF_AN_ACTIVATION}
            activation = call(port, administrator, "CreateActivation", members, region)
        nodes.append(register_by(port, activation, key, region))
    return nodes


def round_of(ferryman: Ferryman, nodes: list[tuple[NodeId, Credentials]]) -> float:
    """Seconds of the server's processor time for each of these agents to connect. They leave afterwards."""
    server = server_of(ferryman)
    before = processor_seconds(server)
    controls = [connected(ferryman, *node) for node in nodes]
    took = (processor_seconds(server) - before) / len(nodes)
    for each in controls:
        each.close()
    time.sleep(SETTLE_SECONDS)
    return took


def connected(ferryman: Ferryman, node_id: NodeId, credentials: Credentials) -> socket.socket:
    """A node's control channel, once it is open and recorded."""
    path = f"/v1/control-channel/{node_id}"
    control, opening = open_channel(port_of(ferryman), credentials, path, ferryman.facts["region"])
    opening |= {"AgentVersion": AGENT_VERSION, "PlatformType": "linux", "Ferryman": 1}
    control.sendall(masked(json.dumps(opening).encode(), TEXT) + masked(b"", PING))
    while read_message(control):  # the pong, which is empty, comes when the channel is open
        pass
    return control
