"""What the server reads before a room of its own does: `ferryman.server`."""

import re
from collections import Counter
from ipaddress import ip_address, ip_network

from multidict import CIMultiDict

from ferryman.model.errors import ServiceError
from ferryman.server.channels.frames import acknowledge, acknowledged_number, peek_header
from ferryman.server.channels.relay.acknowledgements import ClientAcknowledgements, completes_handshake
from ferryman.server.channels.relay.handshakes import LONGEST, objection
from ferryman.server.channels.traffic.port_traffic import PortTraffic
from ferryman.server.console.json import decode_json
from ferryman.server.console.sign_in import AccessKeySignIn
from ferryman.server.http.admission.own_origin import is_own_origin
from ferryman.server.http.call_records import access_key_id
from ferryman.server.http.forwarded import ProxyHeader, TrustedProxies
from ferryman.wire.agent_message import HEADER_SIZE, MalformedFrame, PayloadType
from tests.fuzz.rooms.core import service
from tests.fuzz.target import KIB, MIB, Target, text_of
from tests.fuzz.vectors import frames, payloads, signed_requests

_SERVICE = service()


def _relayed(data: bytes) -> None:
    """What the relay reads of a frame that it forwards."""
    if len(data) < HEADER_SIZE:
        return
    peek_header(data)
    completes_handshake(data)
    acknowledged_number(data)
    acknowledge(_SERVICE, data)


def _acknowledgements(data: bytes) -> None:
    acknowledged = ClientAcknowledgements(underway=True)
    for payload in data.split(b"\n"):
        acknowledged.acknowledged(payload)
        assert isinstance(acknowledged.settled, bool)


def _port_traffic(data: bytes) -> None:
    """Both ends of a forwarded port: a handshake, a line each, and then what they send, in pieces by turns."""
    reported: list[dict[str, object]] = []
    traffic = PortTraffic(reported.append, forwards=True, from_start=True)
    request, _, rest = data.partition(b"\n")
    response, _, sent = rest.partition(b"\n")
    traffic.from_node(0, _frame(PayloadType.HANDSHAKE_REQUEST, request))
    traffic.from_client(0, _frame(PayloadType.HANDSHAKE_RESPONSE, response))
    for number, start in enumerate(range(0, len(sent), 14), 1):
        traffic.from_client(number, _frame(PayloadType.OUTPUT, sent[start : start + 9]))
        traffic.from_node(number, _frame(PayloadType.OUTPUT, sent[start + 9 : start + 14]))
    totals = traffic.close()
    states = Counter(each["state"] for each in reported)
    assert states["opened"] == states["closed"] == totals.listed <= totals.opened


def _frame(payload_type: PayloadType, payload: bytes) -> bytes:
    """A frame as far as its payload's type and the payload are concerned."""
    return bytes(HEADER_SIZE - 8) + payload_type.to_bytes(4, "big") + len(payload).to_bytes(4, "big") + payload


def _handshake(data: bytes) -> None:
    """A node's HandshakeRequest: why it is refused is a short line."""
    document = '{"sessionType":"Port","properties":{"type":"LocalPortForwarding","localPortNumber":"1"}}'
    because = objection(data, document)
    assert because.isprintable()
    assert len(because) < 200


def _forwarded(data: bytes) -> None:
    """What proxies, and the clients before them, say of whom they speak for: a header a line, NAME:VALUE."""
    lines = (line.partition(":") for line in text_of(data).split("\n"))
    headers = CIMultiDict([(name, value) for name, _, value in lines])
    for header in ProxyHeader:
        client = TrustedProxies([ip_network("10.0.0.0/8")], header).client_of("10.0.0.1", headers, secure=False)
        ip_address(client.address)


def _origin(data: bytes) -> None:
    """A browser's Origin and Host, a line each: whatever they are, only the server's own pages pass."""
    origin, _, host = text_of(data).partition("\n")
    if is_own_origin(origin, host, _SERVICE.settings):
        assert re.fullmatch(
            r"(?i)https?://(localhost|127(\.[0-9]+){3}|\[[0-9a-f:.]+\]|x\.example\.org)(:[0-9]+)?", origin
        )


def _console_sign_in(data: bytes) -> None:
    """The body of a browser that signs in."""
    given = decode_json(data, AccessKeySignIn)
    assert 1 <= len(given.access_key_id) <= 128


TARGETS = (
    Target(
        "server.origin",
        _origin,
        (b"http://localhost:1\nlocalhost:1", b"https://[::1]:2\n[::1]:2", b"https://x.example.org\nx", b"null\nx"),
        words=(b"http://", b"@", b":80", b"#", b"/"),
        limit=16 * KIB,
    ),
    Target(
        "server.console_sign_in",
        _console_sign_in,
        (b'{"accessKeyId":"AKIA","secretAccessKey":"s","sessionToken":"t"}', b"{}", b"["),
        (ServiceError,),
        (b'"accessKeyId":', b"null", b'""'),
        16 * KIB,
    ),
    Target(
        "server.forwarded",
        _forwarded,
        (
            b"X-Forwarded-For:192.0.2.1, 10.0.0.2\nX-Forwarded-Proto:https",
            b'Forwarded:for="[2001:db8::1]:80";proto=https;by=x, for=10.0.0.2:80',
        ),
        (ServiceError,),
        (b"for=", b'"', b"\\", b",", b";", b"\nForwarded:", b"\nX-Forwarded-For:", b"unknown"),
        16 * KIB,
    ),
    Target(
        "server.handshakes",
        _handshake,
        (
            b'{"RequestedClientActions":[{"ActionType":"SessionType","ActionParameters":'
            b'{"SessionType":"Port","Properties":{"type":"LocalPortForwarding","localPortNumber":"1"}}}]}',
        ),
        (),
        (b'"requestedclientactions":', b'"actiontype":', b'"KMSEncryption"', b"null", b"[", b"{}"),
        2 * LONGEST,
    ),
    Target(
        "server.port_traffic",
        _port_traffic,
        tuple(
            b'{"AgentVersion":"3.3.0.0","RequestedClientActions":[]}\n{"ClientVersion":"%b","ProcessedClientActions":[]}\n'
            b"\1\0\0\0\3\0\0\0\1\2\4\0\3\0\0\0ping\1\1\0\0\3\0\0\0" % version
            for version in (b"1.2.600.0", b"1.1.0.0")
        ),
        (),
        (b"\1\0\0\0\5\0\0\0", b"\2\5\1\0\3\0\0\0", b"\2\1\0\0\3\0\0\0"),
        MIB,
    ),
    Target("server.relay", _relayed, frames(), (MalformedFrame,), (), MIB),
    Target(
        "server.acknowledgements",
        _acknowledgements,
        (b"\n".join(payloads()),),
        (),
        (b'"AcknowledgedMessageSequenceNumber":1',),
        MIB,
        costly=True,
    ),
    Target(
        "server.claimed_key",
        lambda data: access_key_id(text_of(data)),
        tuple(each.partition(b"authorization:")[2].partition(b"\n")[0] for each in signed_requests()),
        (),
        (b"Credential=", b"/", b"X-Amz-Credential="),
        16 * 1024,
    ),
)
