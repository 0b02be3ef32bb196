"""How subjects of the port are written for NATS."""

import re

from hypothesis import given
from hypothesis import strategies as st

from ferryman.bus.nats.subjects import SUBJECT_LIMIT, encode_subject

_ALPHABET = st.sampled_from(".*> %\r\n\t\0-_aA0h2E$é\u2028\ud800")
SUBJECTS = st.text(_ALPHABET) | st.text(max_size=20) | st.text(_ALPHABET, min_size=390, max_size=410)


@given(SUBJECTS)
def test_tokens_have_nothing_that_nats_gives_a_meaning(subject: str) -> None:
    encoded = encode_subject(subject)
    assert re.fullmatch(r"[A-Za-z0-9_%-]+(\.[A-Za-z0-9_%-]+)*", encoded)
    assert len(encoded) <= SUBJECT_LIMIT


@given(SUBJECTS, SUBJECTS)
def test_different_subjects_stay_different(one: str, other: str) -> None:
    assert (encode_subject(one) == encode_subject(other)) == (one == other)


def test_our_own_subjects_stay_readable() -> None:
    assert encode_subject("control.mi-0123456789abcdef0") == "control.mi-0123456789abcdef0"
    assert encode_subject("session.admin@example.com-0a") == "session.admin%40example%2Ecom-0a".replace("%2E", ".")
    assert encode_subject("") == "%"


def test_long_subjects_are_unlike_any_short_one() -> None:
    """A percent sign is always followed by two digits otherwise."""
    one, other = encode_subject("x" * (SUBJECT_LIMIT + 1)), encode_subject("y" * (SUBJECT_LIMIT + 1))
    assert one.startswith("%h")
    assert len(one) == len(other) == 2 + 64
    assert one != other
    assert encode_subject("x" * SUBJECT_LIMIT) == "x" * SUBJECT_LIMIT


def test_halves_of_characters_are_unlike_each_other_and_question_marks() -> None:
    assert len({encode_subject(subject) for subject in ("\ud800", "\ud801", "?")}) == 3
