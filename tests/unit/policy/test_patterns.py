"""Wildcards, and that no pattern costs more than text × segment."""

import pytest

from ferryman.policy import patterns
from ferryman.policy.errors import MalformedPolicyDocument
from ferryman.policy.patterns import Segments
from ferryman.policy.templates import WILDCARD_LIMIT, Template, read_pattern
from ferryman.policy.work import Work


def pattern(text: str) -> Segments:
    made = read_pattern(text, wildcards=True, variables=False)
    assert not isinstance(made, Template)
    return made


class Counted(str):
    """Text that counts how often it is looked into."""

    __slots__ = ("looks",)

    def __init__(self, _: str) -> None:
        self.looks = 0

    def find(self, *arguments: object) -> int:
        self.looks += 1
        return str.find(self, *arguments)  # type: ignore[arg-type]

    def startswith(self, *arguments: object) -> bool:
        self.looks += 1
        return str.startswith(self, *arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("written", "text", "fits"),
    [
        ("", "", True),
        ("*b?*ba", "ba", False),
        ("", "a", False),
        ("a", "a", True),
        ("a", "A", False),
        ("a", "aa", False),
        ("*", "", True),
        ("*", "anything: at/all", True),
        ("**", "", True),
        ("?", "", False),
        ("?", "a", True),
        ("?", "ab", False),
        ("??", "ab", True),
        ("?*", "", False),
        ("*?", "a", True),
        ("a*", "a", True),
        ("a*", "ba", False),
        ("*a", "ba", True),
        ("*a", "ab", False),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("ab*ba", "aba", False),
        ("a*b*c", "aXbYbZc", True),
        ("a*b*c", "aXcYb", False),
        ("a*?b", "ab", False),
        ("a*?b", "aXb", True),
        ("*a?c*", "xxabbacc", True),
        ("*a?c*", "xxabbabc", True),
        ("*a?c*", "xxabba", False),
        ("a?c?e", "abcde", True),
        ("a?c?e", "abcdx", False),
        ("*a?c*", "aabc", True),
        ("*a?*b", "ab", False),
        ("*a?*b", "aab", True),
        ("*aa*aa*", "aaa", False),
        ("*aa*aa*", "aaaa", True),
        ("*??*", "a", False),
        ("*??*", "ab", True),
        ("a.c", "abc", False),
        ("[ab]", "a", False),
        ("line*", "line\nbreak", True),
        ("?", "\n", True),
    ],
)
def test_patterns(written: str, text: str, fits: bool) -> None:
    assert patterns.matches(pattern(written), text, Work()) is fits


@pytest.mark.parametrize(
    "written", ["*a" * 60 + "*b", "*a?" * 40 + "b", "?" * 100 + "*b", "*aa?a" * 30 + "*b", "*" + "a?" * 60 + "*b"]
)
def test_no_pattern_takes_exponential_steps(written: str) -> None:
    text = Counted("a" * 5000)
    assert not patterns.matches(pattern(written), text, Work())
    assert text.looks <= len(text) * 4


def test_text_that_nearly_fits_at_every_place_costs_a_step_a_run() -> None:
    written = "*" + "a?" * 20 + "c*"
    text = Counted("ab" * 2500 + "d")
    assert not patterns.matches(pattern(written), text, Work())
    assert text.looks <= len(text) * 21


def test_too_many_wildcards_are_refused() -> None:
    pattern("?*" * (WILDCARD_LIMIT // 2))
    with pytest.raises(MalformedPolicyDocument, match=f"at most {WILDCARD_LIMIT} wildcards, this one has 129"):
        pattern("*" * (WILDCARD_LIMIT + 1))


def test_a_text_that_fits_nearly_everywhere_is_not_gone_through_step_by_step() -> None:
    text = Counted("a" * 10_000 + "b")
    assert not patterns.matches(pattern("*a?c*"), text, Work())
    assert text.looks < 300


@pytest.mark.parametrize(
    ("written", "text", "fits"),
    [
        ("*a?c*", "aa" * 200 + "abc", True),
        ("*a?c", "aa" * 200 + "abc", True),
        ("*a?c*d", "aa" * 200 + "abcd", True),
        ("*a?c*d", "aa" * 200 + "abd", False),
        ("*a?c*?*", "aa" * 200 + "abc", False),
        ("*a?c*?*", "aa" * 200 + "abcd", True),
        ("*a?.*", "aa" * 200 + "abc", False),
        ("*a?.*", "aa" * 200 + "a\n.", True),
        ("*.?a??b*", ".a" * 200 + ".aaxyyb", False),
        ("*.?a??b*", ".a" * 200 + ".xaxyb", True),
    ],
)
def test_a_match_far_into_a_text_is_found(written: str, text: str, fits: bool) -> None:
    assert patterns.matches(pattern(written), text, Work()) is fits
