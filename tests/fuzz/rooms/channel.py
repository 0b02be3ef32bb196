"""Both engines and the multiplexer: `ferryman.channel`. They never raise; what they hold is bounded."""

import base64
from collections.abc import Iterator

from ferryman.channel.agent import AgentChannel
from ferryman.channel.ciphers import Unopenable
from ferryman.channel.client import ClientChannel
from ferryman.channel.encryption import OVERHEAD, open_sealed, seal
from ferryman.channel.key_agreement import DataKeyRequested, DataKeySealed, Encryption
from ferryman.channel.mux.session import MuxSession, Role
from ferryman.wire.agent_message import AgentMessage, MalformedFrame, PayloadType, decode, encode
from ferryman.wire.smux import Command, SmuxFrame
from ferryman.wire.smux import encode as encode_smux
from tests.fuzz.rooms.wire import WORDS
from tests.fuzz.target import KIB, MIB, Target
from tests.fuzz.vectors import frames

_KEY = bytes(range(32))
_DATA_KEY = bytes(64)
_MOST_FRAMES = 300


def _entropy(count: int) -> bytes:
    return bytes(count)


def _clock() -> int:
    return 1_700_000_000_000


def _joined(*frames: bytes) -> bytes:
    return b"".join(len(each).to_bytes(3, "big") + each for each in frames)


def _frames(data: bytes) -> Iterator[bytes]:
    """Cut an input into frames, each behind its length; what was mutated within a payload gets a digest that fits."""
    for _ in range(_MOST_FRAMES):
        if len(data) < 3:
            return
        size = int.from_bytes(data[:3], "big")
        piece, data = data[3 : 3 + size], data[3 + size :]
        try:
            yield encode(decode(piece, digested=False))
        except (MalformedFrame, ValueError):
            yield piece


def _drive(channel: AgentChannel | ClientChannel, data: bytes) -> None:
    now = 0.0
    channel.connection_made(now)
    channel.send(PayloadType.OUTPUT, b"x" * 3000, now)
    for frame in _frames(data):
        now += 0.1
        channel.receive(frame, now)
        for event in channel.events():
            if number := getattr(event, "sequence_number", None):
                channel.acknowledge(number, now)
            if isinstance(event, DataKeyRequested) and isinstance(channel, ClientChannel):
                channel.use_data_key(_DATA_KEY, b"sealed", now)
            if isinstance(event, DataKeySealed) and isinstance(channel, AgentChannel):
                channel.use_data_key(event.attempt, _DATA_KEY, now)
        for sent in channel.frames_to_send(now):
            decode(sent, digested=False)
        channel.next_timer()
        channel.capacity()
    channel.connection_lost(now)
    channel.connection_made(now)
    channel.frames_to_send(now + 60)


def _client(data: bytes) -> None:
    for encrypts in (False, True):
        _drive(ClientChannel(entropy=_entropy, wall_clock_ms=_clock, encrypts=encrypts), data)


def _agent(data: bytes) -> None:
    for session_type, encryption in (("Standard_Stream", None), ("Port", None), ("Port", Encryption("k"))):
        channel = AgentChannel(
            session_id="s",
            session_type=session_type,
            properties=None,
            entropy=_entropy,
            wall_clock_ms=_clock,
            encryption=encryption,
        )
        _drive(channel, data)
        channel.finish(1000.0)
        channel.frames_to_send(2000.0)


def _mux(data: bytes) -> None:
    for role, version in ((Role.CLIENT, 1), (Role.SERVER, 1), (Role.CLIENT, 2), (Role.SERVER, 2)):
        session = MuxSession(role, version)
        session.write(session.open(), b"hello")
        for start in range(0, len(data), 65_536):
            session.receive(data[start : start + 65_536])
            for event in session.events():
                stream_id = getattr(event, "stream_id", 0)
                session.consumed(stream_id, len(getattr(event, "data", b"")))
                session.write(stream_id, b"answer")
                session.finish(stream_id)
            while session.data_to_send(65_536):
                pass


def _message(message_type: str, number: int, payload_type: int, payload: bytes) -> bytes:
    message_id = decode(frames()[0]).message_id
    return encode(AgentMessage(message_type, number, 0, message_id, 1, payload_type, payload))


_FROM_AGENT = (
    _message(
        "output_stream_data",
        0,
        5,
        b'{"AgentVersion":"3.3.0.0","RequestedClientActions":[{"ActionType":"SessionType","ActionParameters":'
        b'{"SessionType":"Port","Properties":{"portNumber":"22","type":"LocalPortForwarding"}}}],'
        b'"Ferryman":{"MaxPayload":65536,"Mux":2,"Undigested":true}}',
    ),
    _message(
        "output_stream_data",
        1,
        7,
        b'{"HandshakeTimeToComplete":1,"CustomerMessage":"hi"}',
    ),
    _message("output_stream_data", 2, 1, b"out"),
    _message("output_stream_data", 4, 12, b"EXIT_CODE: 0"),
    _message(
        "acknowledge",
        0,
        0,
        b'{"AcknowledgedMessageType":"input_stream_data","AcknowledgedMessageId":"x",'
        b'"AcknowledgedMessageSequenceNumber":0,"IsSequentialMessage":false}',
    ),
    _message("channel_closed", 0, 0, b'{"SessionId":"s","Output":"bye","Ferryman":{"Lost":true}}'),
)
_FROM_CLIENT = (
    _message("start_publication", 0, 0, b'{"ClientId":"c"}'),
    _message(
        "input_stream_data",
        0,
        6,
        b'{"ClientVersion":"1.2","ProcessedClientActions":[{"ActionType":"SessionType","ActionStatus":1}],'
        b'"Ferryman":{"MaxPayload":65536,"Mux":2,"Stdin":true,"Undigested":true}}',
    ),
    _message("input_stream_data", 1, 1, b"in"),
    _message("input_stream_data", 3, 3, b'{"cols":80,"rows":24}'),
    _message(
        "acknowledge",
        0,
        0,
        b'{"AcknowledgedMessageType":"output_stream_data","AcknowledgedMessageId":"x",'
        b'"AcknowledgedMessageSequenceNumber":1,"IsSequentialMessage":true}',
    ),
    _message("pause_publication", 0, 0, b"{}"),
    _message("start_publication", 0, 0, b'{"ClientId":"other"}'),
    _message("channel_closed", 0, 0, b"{}"),
)
_SEALED = seal(_KEY, b"secret", bytes(12))
_CHALLENGE = b'{"Challenge":"%s"}' % base64.b64encode(seal(bytes(32), bytes(64), bytes(12)))
_ENCRYPTING_AGENT = (
    _message(
        "output_stream_data",
        0,
        5,
        b'{"AgentVersion":"3.3.0.0","RequestedClientActions":[{"ActionType":"SessionType","ActionParameters":'
        b'{"SessionType":"Standard_Stream"}},{"ActionType":"KMSEncryption","ActionParameters":{"KMSKeyId":"k",'
        b'"Challenge":"AAAAAAAAAAAAAAAAAAAAAA=="}}]}',
    ),
    _message("output_stream_data", 1, 8, _CHALLENGE),
    _message("output_stream_data", 2, 7, b'{"HandshakeTimeToComplete":1,"CustomerMessage":"encrypted"}'),
    _message("output_stream_data", 3, 1, seal(bytes(32), b"out", bytes(12))),
)
_ENCRYPTING_CLIENT = (
    _message("start_publication", 0, 0, b'{"ClientId":"c"}'),
    _message(
        "input_stream_data",
        0,
        6,
        b'{"ClientVersion":"1.2.3.4","ProcessedClientActions":[{"ActionType":"SessionType","ActionStatus":1},'
        b'{"ActionType":"KMSEncryption","ActionStatus":1,"ActionResult":{"KMSCipherTextKey":"c2VhbGVk",'
        b'"KMSCipherTextHash":null,"ChallengeAcknowledgement":true}}]}',
    ),
    # The node's entropy is zeros, so most of its random text is, too.
    _message(
        "input_stream_data",
        1,
        9,
        b'{"Challenge":"%s"}' % base64.b64encode(seal(bytes(32), b"ferryman:ordered".ljust(64, b"\0"), bytes(12))),
    ),
    _message("input_stream_data", 2, 1, seal(bytes(32), b"in", bytes(12))),
)


def _smux(version: int, *frames: SmuxFrame) -> bytes:
    return b"".join(encode_smux(frame, version) for frame in frames)


_MUX = tuple(
    _smux(
        version,
        SmuxFrame(Command.SYN, peer),
        SmuxFrame(Command.PSH, peer, b"data"),
        SmuxFrame(Command.NOP, 0),
        SmuxFrame(Command.FIN, peer),
        SmuxFrame(Command.PSH, ours, b"data"),
        *([SmuxFrame(Command.UPD, ours, bytes(8)), SmuxFrame(Command.RST, ours, b"no")] if version == 2 else []),
    )
    for version in (1, 2)
    for peer, ours in ((2, 1), (1, 2))
)

_AGENT_INPUTS = (_joined(*_FROM_CLIENT), _joined(*_ENCRYPTING_CLIENT), _joined(*frames()[:8]))
_CLIENT_INPUTS = (_joined(*_FROM_AGENT), _joined(*_ENCRYPTING_AGENT), _joined(*frames()[:8]))
TARGETS = (
    Target("channel.agent", _agent, _AGENT_INPUTS, (), WORDS, 2 * MIB, costly=True),
    Target("channel.client", _client, _CLIENT_INPUTS, (), WORDS, 2 * MIB, costly=True),
    Target(
        "channel.encryption",
        lambda data: open_sealed(_KEY, data),
        (_SEALED, bytes(OVERHEAD)),
        (Unopenable,),
        (),
        MIB,
    ),
    # Four sessions get it, in messages of 64 KiB.
    Target("channel.mux", _mux, _MUX, (), (), 256 * KIB, costly=True),
)
