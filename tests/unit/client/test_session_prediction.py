"""Predictive echo in sessions on a real terminal; the node is next door, so it has to be asked for."""

import os
import signal
import termios
from collections.abc import Callable
from typing import Any

import pytest

from tests.terminal_emulator import Emulator
from tests.unit.client.person import Person

PROMPT = b"\x1b[32mann\x1b[0m$ "
GUESSED = b"\x1b[0;4m"


@pytest.fixture
def at_prompt(far_end: Any, sit_down: Callable[..., Person]) -> Person:
    """Somebody whose first key was echoed at a prompt, so that the next ones are predicted."""
    person = sit_down(far_end, FERRYMAN_PREDICT="always")
    far_end.until(lambda: far_end.sizes)
    far_end.say(PROMPT)
    person.sees(PROMPT)
    # Echoes confirm only once the keys are acknowledged, which nobody here sees: type until one is predicted.
    while GUESSED not in person.seen:
        count = len(far_end.typed)
        person.type(b"e")
        far_end.until(lambda count=count: len(far_end.typed) > count)
        person.look()
        far_end.say(b"e")
    person.until(lambda: shown(person) == "ann$ " + far_end.typed.decode() and not underlined(person))
    return person


def emulator(person: Person) -> Emulator:
    made = Emulator(80, 24)
    made.feed(person.seen)
    return made


def shown(person: Person) -> str:
    screen = emulator(person)
    return screen.lines[screen.cursor[0]]


def underlined(person: Person) -> str:
    return emulator(person).underlined()


def test_typing_is_underlined_until_it_is_echoed_and_the_terminal_comes_back(far_end: Any, at_prompt: Person) -> None:
    before = far_end.typed.decode()
    at_prompt.type(b"cho")
    at_prompt.until(lambda: underlined(at_prompt) == "cho" and shown(at_prompt) == f"ann$ {before}cho")
    far_end.until(lambda: far_end.typed.endswith(b"cho"))
    far_end.say(b"cho")
    at_prompt.until(lambda: underlined(at_prompt) == "" and shown(at_prompt) == f"ann$ {before}cho")
    far_end.end()
    assert at_prompt.leaves() == 0
    assert at_prompt.is_restored()


def test_what_is_not_echoed_is_withdrawn(far_end: Any, at_prompt: Person) -> None:
    before = shown(at_prompt)
    at_prompt.type(b"x")
    at_prompt.until(lambda: GUESSED + b"x" in at_prompt.seen and shown(at_prompt) == before)
    assert underlined(at_prompt) == ""


def test_a_session_ends_without_guesses_on_the_screen(far_end: Any, at_prompt: Person) -> None:
    before = shown(at_prompt)
    far_end.end()
    at_prompt.type(b"xyz")
    assert at_prompt.leaves() == 0
    assert before in emulator(at_prompt).lines
    assert at_prompt.is_restored()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_fatal_signal_leaves_no_guess_on_the_screen(far_end: Any, at_prompt: Person, number: signal.Signals) -> None:
    before = shown(at_prompt)
    at_prompt.type(b"x")
    at_prompt.sees(GUESSED + b"x")
    at_prompt.plugin.send_signal(number)
    assert at_prompt.leaves() == 128 + number
    assert shown(at_prompt) == before
    assert at_prompt.is_restored()


def test_notices_replace_guesses_and_the_line_continues(far_end: Any, at_prompt: Person) -> None:
    far_end.resume = lambda: (503, {})
    far_end.cut()
    at_prompt.sees(b"Connection lost")
    far_end.resume = far_end.resumed
    at_prompt.sees(b"Connection restored")
    at_prompt.type(b"x")
    far_end.until(lambda: far_end.typed.endswith(b"x"))
    far_end.say(b"x")
    at_prompt.until(lambda: shown(at_prompt).endswith("x") and not underlined(at_prompt))


def test_another_window_size_takes_guesses_away(far_end: Any, at_prompt: Person) -> None:
    before = shown(at_prompt)
    at_prompt.type(b"x")
    at_prompt.sees(GUESSED + b"x")
    termios.tcsetwinsize(at_prompt.slave, (24, 100))
    at_prompt.plugin.send_signal(signal.SIGWINCH)
    far_end.until(lambda: far_end.sizes[-1] == (100, 24))
    at_prompt.until(lambda: shown(at_prompt) == before)


@pytest.mark.parametrize(
    "settings",
    [{}, {"FERRYMAN_PREDICT": "never"}, {"FERRYMAN_PREDICT": "always", "TERM": "dumb"}],
    ids=["by default", "never", "on a dumb terminal"],
)
def test_nothing_is_predicted(far_end: Any, sit_down: Callable[..., Person], settings: dict[str, str]) -> None:
    person = sit_down(far_end, **settings)
    far_end.until(lambda: far_end.sizes)
    far_end.say(b"$ ")
    for count in range(1, 6):
        person.type(b"e")
        far_end.until(lambda count=count: len(far_end.typed) == count)
        far_end.say(b"e")
        person.sees(b"$ " + b"e" * count)


def test_a_wrong_setting_is_refused(far_end: Any, sit_down: Callable[..., Person]) -> None:
    person = sit_down(far_end, FERRYMAN_PREDICT="perhaps")
    assert person.leaves() == 2
    assert b"FERRYMAN_PREDICT must be one of auto, always, never" in person.seen
    assert os.get_blocking(person.slave)
