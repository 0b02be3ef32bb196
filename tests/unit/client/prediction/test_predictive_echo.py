"""What is predicted, and when it is shown, on a path of 100 ms each way."""

from random import Random

import pytest

from ferryman.client.prediction.predictive_echo import GRACE, PredictiveEcho
from ferryman.client.prediction.setting import Prediction
from tests.property.echo.hosts import LineEditor
from tests.property.echo.world import World

DELAY = 0.1
ROUND_TRIP = 2 * DELAY
COLUMNS = 30
LEFT, UP = b"\x1b[D", b"\x1b[A"


class Whole(Random):
    """Output is never cut into frames, and nothing waits."""

    def random(self) -> float:
        return 0.0


def world(when: Prediction = Prediction.ALWAYS, *, delay: float = DELAY, host: LineEditor | None = None) -> World:
    made = World(host or LineEditor(COLUMNS), Whole(), columns=COLUMNS, delay=delay, when=when)
    made.wait(1.0)
    return made


@pytest.fixture
def typing() -> World:
    """A person who has typed `ec` at the prompt; both are echoed, so what follows is predicted."""
    made = world()
    made.type_each(b"ec", 0.5)
    assert line(made) == "ann$ ec"
    return made


def line(seen: World) -> str:
    return seen.screen.lines[seen.screen.cursor[0]]


def test_typing_is_shown_at_once_and_underlined_until_it_is_echoed(typing: World) -> None:
    for at, key in enumerate(b"ho hello"):
        typing.type(bytes([key]))
        assert line(typing) == ("ann$ ec" + "ho hello"[: at + 1]).rstrip()
        assert typing.screen.underlined().endswith(chr(key))
        typing.wait(0.03)
    typing.wait(ROUND_TRIP)
    assert typing.screen.underlined() == ""
    typing.settle()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("size", [1, 3, 15])
def test_a_line_is_never_shown_otherwise_than_typed(seed: int, size: int) -> None:
    made = World(LineEditor(COLUMNS), Random(seed), columns=COLUMNS, delay=DELAY)  # noqa: S311 - not a secret
    made.wait(1.0)
    made.type_each(b"e", 0.6)
    for at in range(0, 15, size):
        made.type(b"cho hello world"[at : at + size])
        for _ in range(3):
            made.wait(0.03)
            assert "ann$ echo hello world".startswith(line(made))
    for _ in range(12):
        made.wait(0.03)
        assert "ann$ echo hello world".startswith(line(made))
    made.settle()


def test_nothing_of_a_line_is_shown_before_the_first_echo() -> None:
    start = world()
    start.type_each(b"ls", 0.02)
    assert line(start) == "ann$"
    start.wait(ROUND_TRIP - 0.04 - 0.001)
    assert line(start) == "ann$"
    start.wait(0.01)
    assert line(start) == "ann$ ls"
    start.type(b"x")
    assert line(start) == "ann$ lsx"
    start.settle()


def test_what_is_typed_ahead_of_a_prompt_is_predicted_once_it_is_there() -> None:
    fast = world()
    fast.type_each(b"echo\r", 0.1)
    seen = []
    for key in b"and this while the first":
        fast.type(bytes([key]))
        seen.append(fast.screen.underlined())
        fast.wait(0.12)
    assert seen[0] == seen[1] == ""
    assert all(seen[6:])
    fast.settle()


def test_a_password_is_never_shown() -> None:
    secret = world()
    secret.type_each(b"sudo", 0.3)
    assert secret.screen.lines[1] == "ann$ sudo"
    secret.type(b"\r")
    for key in b"hunter2\x7f2":  # begun before the program asks
        secret.type(bytes([key]))
        secret.wait(0.07)
        assert "hunter2" not in "".join(secret.screen.lines)
        assert secret.screen.lines[2] in ("", "Password:")
    secret.type(b"\r")
    secret.settle()
    assert "Sorry." in secret.screen.lines


@pytest.mark.parametrize("prompt", [b"\x1b[1mann\x1b[m$ ", b"ann$ "], ids=["with attributes", "plain"])
def test_a_program_on_the_alternate_screen_is_left_alone(prompt: bytes) -> None:
    editor = world(host=LineEditor(COLUMNS, prompt))
    editor.type_each(b"vi\r", 0.3)
    editor.shown_at.clear()
    editor.type_each(b"abcdefgh", 0.05)
    assert not any(b"\x1b[0;4m" in shown for _, shown in editor.shown_at)
    editor.wait(1.0)
    editor.type(b"q")
    editor.wait(1.0)
    editor.type_each(b"ec", 0.5)
    editor.type(b"h")
    assert line(editor) == "ann$ ech"  # the screen from before is known again
    editor.settle()


def test_a_prompt_in_application_cursor_mode_is_left_alone(typing: World) -> None:
    typing.wait(1.0)
    assert typing.echo.output(b"\x1b[?1h", typing.now) == b"\x1b[?1h"
    typing.shown_at.clear()
    typing.type_each(b"abc", 0.05)
    assert not any(b"\x1b[0;4m" in shown for _, shown in typing.shown_at)


def test_backspace_is_predicted_up_to_where_the_line_began(typing: World) -> None:
    typing.type(b"h")
    typing.type(b"\x7f")
    typing.type(b"\x7f")
    assert line(typing) == "ann$ e"
    typing.type(b"\x7f")
    assert line(typing) == "ann$"
    typing.type(b"\x7f")
    assert line(typing) == "ann$"
    typing.settle()


@pytest.mark.parametrize("key", [LEFT, UP, b"\t", b"\x03", b"\r", b"\x01", b"\x1b", b"\x1b[200~x\x1b[201~", b"x" * 65])
def test_other_keys_begin_an_epoch_that_shows_nothing_until_it_is_confirmed(typing: World, key: bytes) -> None:
    typing.type(key)
    typing.shown_at.clear()
    typing.type_each(b"xyz", 0.01)
    assert typing.shown_at == []
    typing.settle()


def test_typing_within_a_line_moves_what_follows(typing: World) -> None:
    typing.type(LEFT)
    typing.wait(0.5)
    typing.type(b"x")
    typing.wait(0.5)
    typing.type(b"y")
    assert line(typing) == "ann$ exyc"
    typing.type(b"\x7f")
    assert line(typing) == "ann$ exc"
    typing.settle()


def test_nothing_is_predicted_at_the_right_margin(typing: World) -> None:
    typing.type_each(b"x" * 40, 0.05)
    assert typing.screen.underlined() == ""
    typing.settle()


def test_a_wrong_guess_is_repaired_by_the_output_that_differs(typing: World) -> None:
    typing.type_each(b"abcdefghijklmnopq", 0.3)
    typing.type(b"r")
    assert line(typing).endswith("pqr")
    typing.type_each(b"stu", 0.0)
    shown = line(typing)
    typing.type(b"\x7f")
    typing.wait(ROUND_TRIP)
    assert line(typing) != shown
    typing.settle()


def test_a_guess_that_is_not_echoed_is_withdrawn_after_one_round_trip() -> None:
    echo = PredictiveEcho(80, 24, Prediction.ALWAYS)
    echo.output(b"$ ", 0.0)
    echo.typed(b"a", 1.0)
    echo.output(b"a", 1.2)
    echo.acknowledged(1, 1.2)
    assert echo.typed(b"b", 2.0) == b"\x1b[0;4mb\x1b[0m"
    assert echo.acknowledged(2, 2.2) == b""
    due = echo.next_timer() or 0.0
    assert due == pytest.approx(2.2 + GRACE)
    assert echo.tick(2.2 + GRACE / 2) == b""
    assert echo.tick(due) == b"\x1b[1D\x1b[1X"
    assert echo.typed(b"c", 3.0) == b""


def test_an_echo_that_is_not_acknowledged_confirms_nothing() -> None:
    echo = PredictiveEcho(80, 24, Prediction.ALWAYS)
    echo.output(b"$ ", 0.0)
    echo.typed(b"a", 1.0)
    assert echo.output(b"a", 1.1) == b"a"  # it may be a program's own
    assert echo.typed(b"b", 1.15) == b""
    assert b"b" in echo.acknowledged(1, 1.2)


def test_spaces_confirm_nothing() -> None:
    echo = PredictiveEcho(80, 24, Prediction.ALWAYS)
    echo.output(b"Password: ", 0.0)
    echo.typed(b" ", 1.0)
    echo.output(b" ", 1.2)
    echo.acknowledged(1, 1.2)
    assert echo.typed(b"b", 2.0) == b""


@pytest.mark.parametrize("size", [(60, 20), (10, 6), (7, 6)])
def test_guesses_are_taken_away_when_the_terminal_changes_its_size(typing: World, size: tuple[int, int]) -> None:
    typing.type_each(b"ho he", 0.0)
    assert line(typing) == "ann$ echo he"
    typing.resize(*size)
    assert typing.screen.underlined() == ""
    typing.settle()


def test_prediction_continues_after_the_line_is_redrawn_for_another_size(typing: World) -> None:
    typing.resize(60, 20)
    typing.wait(0.5)
    typing.type_each(b"ho", 0.5)
    typing.type(b"w")
    assert line(typing) == "ann$ echow"
    typing.type(b"\r")
    typing.wait(0.5)
    typing.type_each(b"ho", 0.5)
    typing.type(b"w")
    assert line(typing) == "ann$ how"
    typing.settle()


def test_a_terminal_that_something_else_used_is_not_touched(typing: World) -> None:
    typing.type(b"h")
    typing.echo.interrupted()
    assert typing.echo.close() == b""


def test_output_is_whole_between_what_is_drawn() -> None:
    echo = PredictiveEcho(80, 24, Prediction.ALWAYS)
    assert echo.output(b"\x1b[32m$ ", 0.0) == b"\x1b[32m$ "
    echo.typed(b"a", 1.0)
    echo.output(b"a", 1.2)
    echo.acknowledged(1, 1.2)
    assert echo.typed(b"bc", 2.0) == b"\x1b[0;32;4mbc\x1b[0;32m"
    assert echo.output(b"b", 2.2) == (b"\x1b[2D\x1b[0m\x1b[2X\x1b[0;32m" + b"b" + b"\x1b[0;32;4mc\x1b[0;32m")


def test_nothing_is_drawn_in_the_middle_of_a_sequence(typing: World) -> None:
    typing.type(b"ho")
    now = typing.now
    assert b"\x1b[0;4m" not in typing.echo.output(b"\x1b[3", now)
    assert typing.echo.output(b"9m", now).startswith(b"9m")


# When


def test_fast_paths_show_nothing_by_themselves() -> None:
    near = world(Prediction.AUTO, delay=0.01)
    near.type_each(b"echo hello", 0.001)
    assert near.screen.underlined() == ""
    near.settle()


def test_slow_paths_are_found_out() -> None:
    far = world(Prediction.AUTO)
    far.type_each(b"ec", 0.5)
    far.type(b"h")
    assert line(far) == "ann$ ech"


def test_between_the_bounds_a_path_stays_what_it_was() -> None:
    echo = PredictiveEcho(80, 24, Prediction.AUTO)
    echo.output(b"$ ", 0.0)

    def shows(seconds: float, typed: int) -> bool:
        now = float(typed)
        echo.acknowledged(typed, now)
        echo.measured(seconds)
        shown = echo.typed(b"a", now)
        echo.output(b"a", now + 0.2)
        return shown != b""

    trips = [0.035, 0.035, 0.041, 0.035, 0.031, 0.029, 0.035, 0.041, 0.041, 0.035]
    assert [shows(seconds, typed) for typed, seconds in enumerate(trips)] == [
        *[False] * 3,  # the third is the first to be predicted, and not yet confirmed
        *[True] * 2,
        *[False] * 3,
        *[True] * 2,
    ]
