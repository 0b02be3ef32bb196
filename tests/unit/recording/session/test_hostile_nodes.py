"""What a node cannot do to the recording of its session: hide what a client shows, break it, or let it grow."""

import json
from pathlib import Path

import pytest

from ferryman.recording.blocks import MOST_CONTENT
from ferryman.recording.events import EventKind
from ferryman.recording.session.message_order import HELD_BYTES, HELD_MESSAGES
from ferryman.recording.session.recent_output import RECENT_BYTES, RECENT_MESSAGES, RecentOutput
from ferryman.recording.session.recorder import MOST_WAITING
from ferryman.recording.session.transcript import Transcript
from ferryman.recording.storage.directory import DirectoryStorage
from ferryman.wire.agent_message import MessageType, PayloadType, frame
from tests.unit.recording.recorded import events, events_of, message, recorder, shown


def attached() -> Transcript:
    transcript = Transcript(lambda: 0)
    transcript.client_attached("one")
    transcript.publication("one", 0)
    return transcript


def recorded(transcript: Transcript, kind: EventKind = EventKind.OUTPUT) -> bytes:
    """What is recorded of a kind; all of it must fit into a block."""
    data = []
    while (content := transcript.next_block()) is not None:
        assert content.size <= MOST_CONTENT
        data += [event.data for event in events_of(content) if event.kind is kind]
    return b"|".join(data)


def test_output_behind_messages_from_far_ahead_is_recorded() -> None:
    transcript = attached()
    for number in range(HELD_MESSAGES + 1):
        transcript.output(2**40 + number, message(2**40 + number, b""))
    transcript.next_block()
    for number in range(3):
        transcript.output(number, message(number, b"%d" % number))
        transcript.output(number, message(number, b"%d" % number))
    assert recorded(transcript) == b"0|1|2"


@pytest.mark.parametrize("claimed", [1, 2**61])
def test_output_is_recorded_after_the_node_claimed_that_more_was_delivered(claimed: int) -> None:
    transcript = attached()
    transcript.publication("one", claimed)
    transcript.output(2**50, message(2**50, b"x"))
    transcript.output(0, message(0, b"rm -rf /"))
    assert recorded(transcript) == b"x|rm -rf /"


@pytest.mark.parametrize("claimed", [-(10**30), -1, 2**63, 10**30])
def test_impossible_count_of_delivered_output_is_not_believed(claimed: int) -> None:
    transcript = attached()
    transcript.output(0, message(0, b"before"))
    transcript.client_attached("two")
    transcript.publication("two", claimed)
    transcript.output(0, message(0, b"after"))
    assert recorded(transcript) == b"before|after"


def test_other_output_is_recorded_in_place_of_what_the_node_says_it_repeats() -> None:
    transcript = attached()
    transcript.output(0, message(0, b"harmless output"))
    transcript.client_attached("two")
    transcript.publication("two", 4)
    transcript.output(0, message(0, b"less "))
    transcript.output(1, message(1, b"secret"))
    assert recorded(transcript) == b"harmless output|secret"


def test_repeated_output_is_left_out_however_it_is_cut() -> None:
    transcript = attached()
    for number in range(10):
        transcript.output(number, message(number, b"%d" % number))
    transcript.client_attached("two")
    transcript.publication("two", 3)
    for number, part in enumerate((b"34", b"5", b"6789", b"new")):
        transcript.output(number, message(number, part))
    assert recorded(transcript) == b"0|1|2|3|4|5|6|7|8|9|new"


def test_message_that_comes_again_with_another_content_is_recorded() -> None:
    transcript = attached()
    transcript.output(0, message(0, b"refused by its checksum"))
    transcript.output(0, message(0, b"shown"))
    assert recorded(transcript) == b"refused by its checksum|shown"


@pytest.mark.parametrize("payload_type", [2, 3, 4, 6, 9, 10, 99, 2**32 - 1])
def test_payload_types_that_only_awss_client_shows_are_recorded(payload_type: int) -> None:
    transcript = attached()
    transcript.output(0, message(0, b"shown", payload_type))
    assert recorded(transcript) == b"shown"


def test_text_at_the_end_of_a_handshake_is_recorded() -> None:
    transcript = attached()
    complete = {"HandshakeTimeToComplete": 1, "CustomerMessage": "Welcome"}
    transcript.output(0, message(0, json.dumps(complete).encode(), PayloadType.HANDSHAKE_COMPLETE))
    assert recorded(transcript) == b"Welcome\r\n"


def test_text_in_place_of_an_exit_status_is_recorded_as_output() -> None:
    transcript = attached()
    for number, payload in enumerate((b"not a number", b"EXIT_CODE: 3", b"EXIT_CODE: 4")):
        transcript.output(number, message(number, payload, PayloadType.EXIT_CODE))
    transcript.output(3, message(3, b"", PayloadType.EXIT_CODE))
    position = transcript.position
    assert position.exited
    waiting = events_of(transcript.next_block())
    assert [event.data for event in waiting if event.kind is EventKind.EXIT] == [b"3"]
    assert [event.data for event in waiting if event.kind is EventKind.OUTPUT] == [b"not a number", b"EXIT_CODE: 4"]


def test_sizes_between_which_nothing_was_shown_take_no_memory() -> None:
    transcript = attached()
    transcript.next_block()
    for number in range(10_000):
        size = b'{"cols":%d,"rows":24}' % (number + 1)
        transcript.input(number, frame(MessageType.INPUT_STREAM_DATA, number, 0, bytes(16), 1, PayloadType.SIZE, size))
    assert transcript.size < 100
    assert recorded(transcript, EventKind.RESIZE) == b"10000x24"


def test_what_is_remembered_to_compare_is_bounded() -> None:
    recent = RecentOutput()
    for number in range(2 * RECENT_MESSAGES):
        recent.add_frame(number, message(number, b"x"), 120)
    assert len(recent._kept) == len(recent._by_number) == RECENT_MESSAGES
    for number in range(10):
        recent.add_frame(number, bytes(RECENT_BYTES // 3), 0)
    assert len(recent._kept) == len(recent._by_number) == 3
    same = message(0, b"x")
    for number in range(0, 2 * RECENT_MESSAGES, 2):
        recent.add_run(number, same[112:116], [same, same], 2)
        assert recent.contradicts(number + 1, message(0, b"y"))
        assert not recent.contradicts(number + 1, same)
    assert len(recent._kept) == len(recent._by_number) / 2 == RECENT_MESSAGES / 2


async def test_more_than_a_block_at_once_is_written_in_blocks(tmp_path: Path) -> None:
    storage = DirectoryStorage(tmp_path)
    async with recorder(storage) as tap:
        tap.output(0, message(0, bytes(MOST_WAITING - 10_000)))
        tap.output(2, message(2, bytes(HELD_BYTES - 10_000)))
        tap.output(3, message(3, bytes(HELD_BYTES)))
        await tap.flush()
        assert tap.failure is None
    assert len(shown(storage)) == MOST_WAITING + 2 * HELD_BYTES - 20_000


async def test_claims_of_a_node_make_the_relay_wait(tmp_path: Path) -> None:
    storage = DirectoryStorage(tmp_path)
    async with recorder(storage) as tap:
        tap.client_attached("one")
        delivered = 0
        while not tap.is_behind:
            delivered += 1
            tap.publication("one", delivered)
        assert tap.waiting < MOST_WAITING + 1000
        await tap.flush()
    assert sum(event.kind == "m" for event in events(storage)) == delivered + 1
