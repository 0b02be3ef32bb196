"""ALiS v1: what is written is read again; bytes as asciinema's documentation has them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.wire.alis import End, Event, MalformedEvent, Reset, decode, encode_end, encode_event, encode_reset

NUMBERS = st.integers(0, 2**62)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.builds(Reset, NUMBERS, NUMBERS, NUMBERS, NUMBERS, TEXTS))
def test_reset_is_read_as_written(reset: Reset) -> None:
    assert decode(encode_reset(reset)) == reset


@given(st.builds(Event, NUMBERS, NUMBERS, st.sampled_from("om"), TEXTS))
def test_event_with_a_text_is_read_as_written(event: Event) -> None:
    assert decode(encode_event(event)) == event


@pytest.mark.parametrize(("kind", "text"), [("r", "132x50"), ("x", "0"), ("x", "137")])
def test_sizes_and_exit_statuses_are_read_as_written(kind: str, text: str) -> None:
    assert decode(encode_event(Event(7, 300, kind, text))) == Event(7, 300, kind, text)


def test_negative_exit_status_is_sent_as_zero() -> None:
    assert decode(encode_event(Event(1, 0, "x", "-1"))) == Event(1, 0, "x", "0")


def test_end_is_recognised() -> None:
    assert decode(encode_end(3, 1000)) == End()


def test_bytes_are_those_of_the_format() -> None:
    reset = encode_reset(Reset(42, 1000, 180, 24, "hi"))
    assert reset == b"\x01\x2a\xe8\x07\xb4\x01\x18\x00\x02hi"
    assert encode_event(Event(300, 5, "o", "é")) == b"o\xac\x02\x05\x02\xc3\xa9"
    assert encode_event(Event(1, 2, "r", "80x24")) == b"r\x01\x02\x50\x18"


@pytest.mark.parametrize(
    "message", [b"", b"o", b"o\x01\x01\x05ab", b"q\x01\x01", b"\x01\x01\x01\x01\x01\x08", b"\xff" * 30]
)
def test_malformed_message_is_refused(message: bytes) -> None:
    with pytest.raises(MalformedEvent):
        decode(message)


def test_number_without_an_end_is_refused() -> None:
    with pytest.raises(MalformedEvent, match="64 bits"):
        decode(b"o" + b"\x80" * 11)
