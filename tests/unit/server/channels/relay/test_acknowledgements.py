"""What a client acknowledged, in whatever order it did."""

import json

from ferryman.server.channels.relay.acknowledgements import BEYOND, ClientAcknowledgements, completes_handshake
from ferryman.wire.agent_message import PayloadType
from tests.server.peers import output


def of(*numbers: int, underway: bool = False) -> ClientAcknowledgements:
    receipts = ClientAcknowledgements(underway=underway)
    for number in numbers:
        receipts.add(number)
    return receipts


def test_acknowledgements_in_any_order_are_remembered() -> None:
    receipts = of(0, 1, 4, 3, 1)
    assert [number for number in range(-1, 7) if number in receipts] == [0, 1, 3, 4]
    receipts.add(2)
    assert [number for number in range(-1, 7) if number in receipts] == [0, 1, 2, 3, 4]


def test_at_most_10000_messages_are_kept_beyond_a_gap() -> None:
    receipts = of(*range(1, BEYOND + 100))
    assert BEYOND in receipts
    assert BEYOND + 1 not in receipts
    receipts.add(0)
    assert BEYOND + 1 not in receipts


def test_an_acknowledgements_payload() -> None:
    receipts = of()
    for payload in (b"", b"[]", b'{"AcknowledgedMessageSequenceNumber":"0"}'):
        receipts.acknowledged(payload)
    assert 0 not in receipts
    content = {
        "AcknowledgedMessageType": "output_stream_data",
        "AcknowledgedMessageId": "dd01e56b-ff48-483e-a508-b5f073f31b16",
        "AcknowledgedMessageSequenceNumber": 0,
        "IsSequentialMessage": True,
    }
    receipts.acknowledged(json.dumps(content).encode())
    assert 0 in receipts


def test_client_is_settled_once_it_has_acknowledged_data() -> None:
    receipts = of()
    assert not receipts.settled
    receipts.add(0)
    assert receipts.settled
    receipts.handshake_completed(1)
    assert not receipts.settled
    receipts.add(1)
    assert not receipts.settled
    receipts.add(3)
    assert not receipts.settled
    receipts.add(2)
    assert receipts.settled


def test_resumed_session_is_settled_by_any_acknowledgement() -> None:
    assert not of(underway=True).settled
    assert of(900, underway=True).settled


def test_new_client_has_acknowledged_nothing() -> None:
    receipts = of(0, 1, 5)
    receipts.forget()
    assert [number for number in range(8) if number in receipts] == []


def test_handshake_complete_is_known_by_its_payload_type() -> None:
    frame = output(1)
    assert not completes_handshake(frame)
    assert completes_handshake(frame[:112] + PayloadType.HANDSHAKE_COMPLETE.to_bytes(4, "big") + frame[116:])
