"""The limits and log fields on the server's page are those of the code."""

import ast
import re
from pathlib import Path

import pytest

from ferryman.core.service import Limits
from ferryman.server.channels.relay.ends import KEPT_BYTES
from ferryman.server.channels.sockets.websocket import CONTROL_BURST, CONTROL_PER_SECOND
from ferryman.server.channels.start_queue import LIMIT
from ferryman.server.http.upgrades import EARLY_FRAMES
from ferryman.server.listener.unauthenticated import LIMIT as UNAUTHENTICATED_LIMIT
from ferryman.server.serving import LEAST_CONNECTIONS, RESERVED_FILES
from ferryman.server.timeouts import DEFAULT_TIMEOUTS as TIMING
from ferryman.wire.opening import NAME_LIMIT, OPENING_LIMIT, TOKEN_LIMIT

ROOT = Path(__file__).parents[2]
PAGE = " ".join((ROOT / "docs" / "reference" / "server.md").read_text().split())
SOURCES = sorted((ROOT / "src" / "ferryman" / "server").rglob("*.py"))

LIMITS = Limits()
SENTENCES = [
    f"including the TLS handshake | {TIMING.request:g} s",
    f"complete head of the next request | {TIMING.request:g} s; {TIMING.idle:g} s once",
    f"Unidentified connections from one address | {UNAUTHENTICATED_LIMIT}, not counting loopback",
    f"limit of open files, minus those already open and {RESERVED_FILES}; a quarter is reserved",
    f"refuses to start with fewer than {LEAST_CONNECTIONS} left",
    f"node, not counting channels | {LIMITS.connections_per_caller} (",
    f"one address, not counting channels | {LIMITS.connections_per_address:,}, not counting loopback",
    f"requests on unidentified connections | {LIMITS.request_memory // 2**20} MiB in total",
    f"held for {TIMING.poll:g} s",
    f"A request's body | {LIMITS.body_bytes // 2**20} MiB, {TIMING.body:g} s",
    f"A WebSocket message | {LIMITS.frame_bytes // 2**20} MiB",
    f"the opening text frame | {TIMING.opening:g} s, {EARLY_FRAMES} binary frames",
    f"{OPENING_LIMIT:,} characters; its ids and versions {NAME_LIMIT}, the token {TOKEN_LIMIT:,}",
    f"of one peer | burst of {CONTROL_BURST}, then {CONTROL_PER_SECOND} per second",
    f"A channel's token | {LIMITS.channel_token_life} s",
    f"{TIMING.silence:g} s; pinged every {TIMING.ping:g} s",
    f"{TIMING.own_silence:g} s; pinged every {TIMING.own_ping:g} s",
    f"silent for {TIMING.quiet:g} s; not for AWS's agent | {TIMING.probe:g} s",
    f"nothing of what is sent to it | {TIMING.stall:g} s",
    f"while the agent is away | {KEPT_BYTES // 1024} KiB",
    f"waiting for one node | {LIMIT}",
    f"two starts on one node | {TIMING.start:g} s",
    f"passed to the client | {TIMING.handshake:g} s",
    f"to its result | {TIMING.finish:g} s",
    f"when the server stops | {TIMING.shutdown:g} s",
]


@pytest.mark.parametrize("sentence", SENTENCES)
def test_the_limits_are_the_codes(sentence: str) -> None:
    assert sentence in PAGE


def test_every_field_of_the_log_is_described() -> None:
    calls = [
        call
        for source in SOURCES
        for call in ast.walk(ast.parse(source.read_text()))
        if isinstance(call, ast.Call) and re.fullmatch(r"(self\.)?_?log(\.\w+)?", ast.unparse(call.func))
    ]
    fields = {keyword.arg for call in calls for keyword in call.keywords} - {None, "exc_info"}
    assert {"close_code", "milliseconds", "ferryman"} <= fields
    assert [field for field in fields if f"`{field}`" not in PAGE] == []


def test_every_close_code_is_described() -> None:
    codes = {"OK": 1000, "GOING_AWAY": 1001, "PROTOCOL_ERROR": 1002, "UNSUPPORTED_DATA": 1003} | {
        "POLICY_VIOLATION": 1008,
        "INTERNAL_ERROR": 1011,
        "TRY_AGAIN_LATER": 1013,
    }
    used = {name for source in SOURCES for name in re.findall(r"WSCloseCode\.([A-Z_]+)", source.read_text())}
    assert used <= set(codes)
    assert [name for name in used if f"| {codes[name]} |" not in PAGE] == []
