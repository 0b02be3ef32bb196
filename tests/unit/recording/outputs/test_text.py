"""The text of a session's log, and its division into events."""

from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ferryman.core.ports.recordings.recorder import BlockPosition, RecordedEvent
from ferryman.core.ports.recordings.store import Recording, RecordingMode
from ferryman.model.identifiers import Millis, NodeId, SessionId
from ferryman.recording.outputs.text import event_messages, script_log, shown
from ferryman.recording.session.transcript import Transcript
from tests.unit.recording.recorded import events_of

RECORDING = Recording(
    SessionId("alice-0"),
    NodeId("mi-1"),
    "arn",
    "alice",
    "Doc",
    RecordingMode.OFF,
    Millis(1_700_000_000_000),
    duration=61_500,
)


def blocks(*events: tuple[str, bytes]) -> Iterator[tuple[BlockPosition, list[RecordedEvent]]]:
    for number, (kind, data) in enumerate(events):
        yield BlockPosition(number, 0), [RecordedEvent(number, kind, data)]


def test_log_is_between_the_lines_of_script() -> None:
    events = (("m", b"A client connected."), ("r", b"80x24"), ("o", b"a\r\n"), ("i", b"secret"), ("e", b"b"))
    assert b"".join(script_log(RECORDING, blocks(*events))) == (
        b"Script started on 2023-11-14 22:13:20+00:00\na\r\nb\nScript done on 2023-11-14 22:14:21+00:00\n"
    )


def test_log_has_the_exit_status_of_a_command() -> None:
    text = b"".join(script_log(RECORDING, blocks(("o", b"a"), ("x", b"7"))))
    assert text.endswith(b'\nScript done on 2023-11-14 22:14:21+00:00 [COMMAND_EXIT_CODE="7"]\n')


def test_log_says_what_is_missing_in_the_transcripts_words() -> None:
    transcript = Transcript(lambda: 0)
    transcript.client_attached("c-1")
    transcript.publication("c-1", 5)
    transcript.client_left()
    events = [RecordedEvent(event.at, event.kind, event.data) for event in events_of(transcript.next_block())]
    assert shown(events) == b"\r\n[5 bytes of output are missing.]\r\n"


@example("\r\r\n", [3], 4)
@given(st.text(alphabet="abü€\r\n", max_size=200), st.lists(st.integers(1, 9)), st.integers(4, 60))
def test_messages_make_up_the_text_with_line_feeds_only(text: str, cuts: list[int], most: int) -> None:
    data = text.encode()
    pieces = []
    for cut in cuts:
        pieces.append(data[:cut])
        data = data[cut:]
    messages = list(event_messages([*pieces, data], most))
    assert "".join(messages) == text.replace("\r\n", "\n")
    assert all(0 < len(message.encode()) <= most for message in messages)


@pytest.mark.parametrize(("most", "count"), [(200_000, 6), (1_000_000, 2)])
def test_messages_end_with_a_line_where_they_can(most: int, count: int) -> None:
    messages = list(event_messages([b"0123456789\r\n" * 100_000], most))
    assert len(messages) == count
    assert all(message.endswith("9\n") for message in messages)
