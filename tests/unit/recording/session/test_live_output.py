"""What a session shows now: in order, once, and bounded."""

import asyncio

import pytest

from ferryman.recording.session import live_output
from ferryman.recording.session.live_output import LiveOutput
from ferryman.recording.session.screen_text import screen_text
from tests.unit.recording.recorded import message


def live(*, underway: bool = False) -> LiveOutput:
    return LiveOutput(lambda: 1000, underway=underway)


def text_of(events: list[live_output.LiveEvent]) -> str:
    return "".join(text for _, kind, text in events if kind == "o")


async def test_kept_frames_are_put_in_order_when_somebody_follows() -> None:
    output = live()
    for number in (1, 0, 0, 2, 4, 1, 3):
        assert not output.output(message(number, b"%d" % number))
    await output.follow()
    assert output.screen() == ("01234", True)
    assert output.output(message(5, b"5"))
    assert text_of(output.new_events()) == "5"
    assert output.screen() == ("012345", True)


async def test_memory_is_bounded_and_the_screen_says_that_something_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live_output, "KEPT_BYTES", 10_000)
    output = live()
    for number in range(1000):
        output.output(message(number, b"line %d\r\n" % number))
    assert sum(len(frame) for frame in output._frames) <= 10_000
    await output.follow()
    screen, is_whole = output.screen()
    assert not is_whole
    assert screen.endswith("line 998\r\nline 999\r\n")
    output.output(message(1000, b"next"))
    assert text_of(output.new_events()) == "next"


async def test_screen_is_whole_once_it_was_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_output, "KEPT_BYTES", 10_000)
    output = live()
    for number in range(1000):
        output.output(message(number, b"line\r\n"))
    output.output(message(1000, b"\x1b[H\x1b[2Jclear"))
    await output.follow()
    assert output.screen() == ("\x1b[H\x1b[2Jclear", True)


async def test_session_that_was_underway_begins_with_any_number() -> None:
    output = live(underway=True)
    await output.follow()
    output.output(message(5000, b"a"))
    output.output(message(5001, b"b"))
    assert text_of(output.new_events()) == "ab"
    assert output.screen() == ("ab", False)


async def test_old_message_that_is_sent_again_holds_up_nothing() -> None:
    output = live(underway=True)
    for number in (5, 300, 301, 302):
        output.output(message(number, b"%d " % number))
    await output.follow()
    assert output.screen()[0] == "300 301 302 "
    output.output(message(303, b"303"))
    assert text_of(output.new_events()) == "303"


async def test_client_that_takes_the_session_over_begins_with_an_empty_screen() -> None:
    output = live()
    output.publication("one", 0)
    output.output(message(0, b"for one"))
    output.publication("two", 7)
    output.output(message(0, b"for two"))
    await output.follow()
    assert output.screen() == ("for two", True)


async def test_output_that_is_repeated_for_another_client_is_not_repeated_for_watchers() -> None:
    output = live()
    output.publication("one", 0)
    output.output(message(0, b"abc"))
    output.output(message(1, b"def"))
    await output.follow()
    output.publication("two", 3)
    output.output(message(0, b"defghi"))
    assert text_of(output.new_events()) == "ghi"


async def test_frames_and_clients_that_come_while_frames_are_put_in_order_follow_them() -> None:
    output = live()
    for number in range(1000):
        output.output(message(number, b"."))
    following = asyncio.create_task(output.follow())
    await asyncio.sleep(0)  # as far as its first pause
    assert not output.output(message(1000, b"!"))
    await following
    assert output.screen()[0] == "." * 1000 + "!"


async def test_line_feed_of_a_command_without_a_terminal_begins_a_new_line() -> None:
    output = LiveOutput(lambda: 0, underway=False, plain=True)
    output.output(message(0, b"one\ntwo\n"))
    await output.follow()
    assert output.screen() == ("one\r\ntwo\r\n", True)


async def test_nothing_is_kept_in_order_once_nobody_watches() -> None:
    output = live()
    output.output(message(0, b"a"))
    await output.follow()
    output.unfollow()
    assert not output.output(message(1, b"b"))
    assert output.new_events() == []
    await output.follow()
    assert output.screen() == ("ab", True)


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("abc", "abc"),
        ("old\x1b[2Jnew", "\x1b[2Jnew"),
        ("old\x1b[5;7H\x1b[2Jnew", "\x1b[5;7H\x1b[2Jnew"),
        ("$ vim\r\n\x1b[?1049h~\x1b[2J~\x1b[?1049l$ ", "$ vim\r\n\x1b[?1049h\x1b[?1049l$ "),
        ("a\x1b[2Jb\x1b[?1049hold\x1b[2Jnew", "\x1b[2Jb\x1b[?1049h\x1b[2Jnew"),
        ("a\x1b[?1049hx\x1b[?1049lb\x1b[?47hy", "a\x1b[?1049h\x1b[?1049lb\x1b[?47hy"),
        ("a\x1b[?1049lb", "a\x1b[?1049lb"),
        ("a\x1bcb", "\x1bcb"),
    ],
)
def test_only_what_draws_the_screen_is_left(text: str, drawn: str) -> None:
    assert screen_text(text, is_whole=True) == (drawn, True)


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("31mred\r\nnext", "\nnext"),
        ("1mred\x1b[0mnext", "\x1b[0mnext"),
        ("~\r\n~\x1b[?1049l$ ls", "\x1b[?1049l$ ls"),
        ("nothing to begin at", "nothing to begin at"),
    ],
)
def test_beginning_that_may_be_cut_is_left_out(text: str, drawn: str) -> None:
    assert screen_text(text, is_whole=False) == (drawn, False)
