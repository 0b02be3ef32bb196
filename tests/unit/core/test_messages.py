"""Messages on the bus round-trip; what is none is refused."""

import msgspec
import pytest

from ferryman.core import messages as m


@pytest.mark.parametrize(
    "message",
    [m.StartTask("s", '{"a":"é"}'), m.EndTask("s"), m.Probe(), m.CloseControlChannel(), m.OfferSshKey("k", "u", "p")],
)
def test_control_messages(message: m.ControlMessage) -> None:
    assert m.decode_control(m.encode(message)) == message


@pytest.mark.parametrize("message", [m.EndSession("over"), m.EndSession(""), m.ActivityProbe()])
def test_session_messages(message: m.SessionMessage) -> None:
    assert m.decode_session(m.encode(message)) == message


def test_replies() -> None:
    assert m.decode_activity(m.encode(m.Activity(7))) == 7
    assert m.decode_activity(m.encode(m.Activity(None))) is None
    assert m.decode_end_answer(m.encode(m.SessionEndAnswer(True))) == m.SessionEndAnswer(True)


def test_a_message_of_the_other_subject_is_refused() -> None:
    with pytest.raises(msgspec.DecodeError):
        m.decode_control(m.encode(m.EndSession("")))
    with pytest.raises(msgspec.DecodeError):
        m.decode_session(m.encode(m.Probe()))
    with pytest.raises(msgspec.DecodeError):
        m.decode_session(b"")
