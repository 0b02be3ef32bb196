"""Frames and payloads: `ferryman.wire`."""

from itertools import pairwise

import msgspec

from ferryman.wire import alis, discovery, payloads, smux, ssh_keys, tasks
from ferryman.wire.agent_message import MalformedFrame, MessageType, decode, encode, peek
from ferryman.wire.opening import decode_control_channel_opening, decode_data_channel_opening
from ferryman.wire.payloads import MalformedPayload
from tests.fuzz.target import KIB, MIB, Target
from tests.fuzz.vectors import frames
from tests.fuzz.vectors import payloads as recorded_payloads

KINDS: tuple[type[msgspec.Struct], ...] = (
    payloads.Acknowledge,
    payloads.AgentSessionState,
    payloads.ChannelClosed,
    payloads.EncryptionChallenge,
    payloads.HandshakeComplete,
    payloads.HandshakeRequest,
    payloads.HandshakeResponse,
    payloads.KmsEncryptionParameters,
    payloads.Publication,
    payloads.SessionTypeParameters,
    payloads.Size,
    tasks.AgentTaskAcknowledge,
    tasks.AgentTaskComplete,
    tasks.InteractiveShell,
)
WORDS = (
    *(kind.encode() for kind in MessageType),
    *(f'"{name}":'.encode() for kind in KINDS for name in kind.__struct_encode_fields__),
    b"LocalPortForwarding",
    b"Standard_Stream",
)


def _message(data: bytes) -> None:
    peeked = None
    try:
        peeked = peek(data)
    finally:
        for digested in (True, False):
            message = decode(data, digested=digested)
            assert peeked == (message.message_type, message.sequence_number, message.payload_type, message.flags)
            assert decode(encode(message)) == message


def _payload(data: bytes) -> None:
    """What is decoded can be written, and says the same again."""
    refused = None
    for kind in KINDS:
        try:
            value = payloads.decode_payload(data, kind)
        except MalformedPayload as error:
            refused = error
        else:
            assert payloads.decode_payload(payloads.encode_payload(value), kind) == value
    payloads.closing(data)
    for decode_special in (payloads.decode_acknowledge, payloads.decode_flag):
        try:
            decode_special(data)
        except MalformedPayload as error:
            refused = error
    if refused is not None:
        raise refused


def _live_event(data: bytes) -> None:
    """What is read can be written, and says the same again."""
    event = alis.decode(data)
    if isinstance(event, alis.Reset):
        assert alis.decode(alis.encode_reset(event)) == event
    elif isinstance(event, alis.Event):
        assert alis.decode(alis.encode_event(event)) == event


def _opening(data: bytes) -> None:
    try:
        decode_data_channel_opening(data)
    finally:
        decode_control_channel_opening(data)


def _smux(data: bytes) -> None:
    """Cut anywhere, a stream of bytes is the same frames."""
    for version in (smux.VERSION, smux.WINDOWED_VERSION):
        whole = smux.SmuxReader(version).feed(data)
        reader = smux.SmuxReader(version)
        cuts = sorted({0, len(data), *(place % (len(data) + 1) for place in data[:8])})
        parts = [frame for start, end in pairwise(cuts) for frame in reader.feed(data[start:end])]
        assert parts == whole
        for frame in whole:
            if frame.command is smux.Command.UPD:
                smux.decode_update(frame.data)


def _description(data: bytes) -> None:
    """What is accepted can be written into a configuration file: no member has two lines."""
    described = discovery.decode_description(data)
    assert discovery.decode_description(discovery.encode_description(described)) == described
    offer = described.login
    if offer is not None:
        for text in (offer.issuer, offer.client_id, offer.scopes, offer.session_claim, *offer.roles):
            assert "\n" not in text
            assert "\x1b" not in text


def _ssh_key(data: bytes) -> None:
    """What is accepted is one plain line, the same when it is read again."""
    key = ssh_keys.bare_key(data.decode("utf-8", "replace"))
    assert ssh_keys.bare_key(key) == key
    assert key.isascii()
    assert key.count(" ") == 1
    assert not {"\n", "\r", "\0", '"'} & set(key)
    assert ssh_keys.fingerprint(key).startswith("SHA256:")


_SSH_KEYS = (
    b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl alice@laptop\n",
    b"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAQQ==",
)
_DESCRIPTIONS = (
    b'{"version":1,"product_version":"0.1.0","region":"us-east-1","account_id":"123456789012","login":{"issuer":'
    b'"https://id.example.com","client_id":"cli","roles":["arn:aws:iam::123456789012:role/People"],"scopes":"openid"}}',
)
_OPENINGS = (
    b'{"MessageSchemaVersion":"1.0","RequestId":"r","TokenValue":"t","ClientId":"c","ClientVersion":"1.2.0.0"}',
    b'{"MessageSchemaVersion":"1.0","RequestId":"r","TokenValue":"t","ClientInstanceId":"mi-1","ClientId":""}',
    b'{"Cookie":null,"MessageSchemaVersion":"1.0","RequestId":"r","TokenValue":"t","AgentVersion":"3.3.0.0",'
    b'"PlatformType":"Linux"}',
)
_TASK = (
    b'{"Content":"{\\"DocumentContent\\":{\\"sessionType\\":\\"Standard_Stream\\"},\\"SessionId\\":\\"s\\"}",'
    b'"TaskId":"s","Topic":"interactive_shell","SchemaVersion":1}'
)
_SMUX = b"".join(
    smux.encode(smux.SmuxFrame(command, 1, data), 2)
    for command, data in (
        (smux.Command.SYN, b""),
        (smux.Command.PSH, b"data"),
        (smux.Command.UPD, smux.encode_update(4, 65536)),
        (smux.Command.RST, b"why"),
        (smux.Command.FIN, b""),
    )
)

_LIVE_EVENTS = (
    alis.encode_reset(alis.Reset(1, 1000, 80, 24, "$ ls\r\n")),
    alis.encode_event(alis.Event(2, 300, "o", "é")),
    alis.encode_event(alis.Event(3, 1, "r", "132x50")),
    alis.encode_event(alis.Event(4, 1, "x", "0")),
    alis.encode_end(5, 0),
)

TARGETS = (
    Target("wire.alis", _live_event, _LIVE_EVENTS, (alis.MalformedEvent,), (), MIB),
    Target("wire.agent_message", _message, frames(), (MalformedFrame,), WORDS, MIB),
    Target("wire.discovery", _description, _DESCRIPTIONS, (discovery.InvalidDescription,), WORDS, 40 * KIB),
    Target("wire.opening", _opening, _OPENINGS, (MalformedPayload,), WORDS),
    Target("wire.payloads", _payload, recorded_payloads(), (MalformedPayload,), WORDS, MIB, costly=True),
    # A message holds 128 KiB at most between Ferryman's ends, 32 KiB from AWS's.
    Target("wire.smux", _smux, (_SMUX, _SMUX.replace(b"\x02", b"\x01")), (smux.MalformedSmux,), (), 256 * KIB),
    Target("wire.ssh_keys", _ssh_key, _SSH_KEYS, (ValueError,), (b"ssh-ed25519 ", b'command="id" ', b"\n")),
    Target("wire.tasks", tasks.decode_interactive_shell, (_TASK,), (MalformedPayload,), WORDS, MIB),
)
