"""The limits and log fields that the server's page names are those of the code."""

import ast
import re
from pathlib import Path

import pytest

from ferryman.core.service import Limits
from ferryman.server.attached import KEPT_BYTES
from ferryman.server.channels import EARLY_FRAMES
from ferryman.server.newcomers import LIMIT as NEWCOMERS
from ferryman.server.serving import LEAST_CONNECTIONS, RESERVED_FILES
from ferryman.server.sockets import CONTROL_BURST, CONTROL_PER_SECOND
from ferryman.server.starts import LIMIT
from ferryman.server.timing import DEFAULT_TIMING as TIMING
from ferryman.wire.opening import NAME_LIMIT, OPENING_LIMIT, TOKEN_LIMIT

ROOT = Path(__file__).parents[2]
PAGE = " ".join((ROOT / "docs" / "reference" / "server.md").read_text().split())
SOURCES = sorted((ROOT / "src" / "ferryman" / "server").glob("*.py"))

LIMITS = Limits()
SENTENCES = [
    f"TLS handshake included | {TIMING.request:g} s",
    f"of the next request | {TIMING.request:g} s; {TIMING.idle:g} s once",
    f"who they are | {NEWCOMERS}, not counting loopback",
    f"limit of open files, less those open and {RESERVED_FILES}; a quarter is kept",
    f"does not start with fewer than {LEAST_CONNECTIONS} left",
    f"node, channels not counted | {LIMITS.connections_per_caller} (",
    f"one address, channels not counted | {LIMITS.connections_per_address:,}, not counting loopback",
    f"who they are | {LIMITS.request_memory // 2**20} MiB in all",
    f"held for {TIMING.poll:g} s",
    f"A request's body | {LIMITS.body_bytes // 2**20} MiB, {TIMING.body:g} s",
    f"A WebSocket message | {LIMITS.frame_bytes // 2**20} MiB",
    f"the opening text frame | {TIMING.opening:g} s, {EARLY_FRAMES} binary frames",
    f"{OPENING_LIMIT:,} characters; ids and versions in it {NAME_LIMIT}, the token {TOKEN_LIMIT:,}",
    f"of one peer | {CONTROL_BURST} at once, then {CONTROL_PER_SECOND} per second",
    f"A channel's token | {LIMITS.channel_token_life} s",
    f"{TIMING.silence:g} s; pinged every {TIMING.ping:g} s",
    f"{TIMING.own_silence:g} s; pinged every {TIMING.own_ping:g} s",
    f"silent for {TIMING.quiet:g} s, to a ping before a session starts on it; not of AWS's agent | {TIMING.probe:g} s",
    f"nothing that is sent to it | {TIMING.stall:g} s",
    f"an agent that is away | {KEPT_BYTES // 1024} KiB",
    f"wait for one node | {LIMIT}",
    f"two starts on one node | {TIMING.start:g} s",
    f"passes to the client | {TIMING.handshake:g} s",
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
