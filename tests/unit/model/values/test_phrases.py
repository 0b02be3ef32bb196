"""Phrases: which words an index is asked for, and which lines contain them."""

import pytest

from ferryman.model.values.phrases import NoWord, Phrase, words_of


@pytest.mark.parametrize(
    ("phrase", "line"),
    [
        ("rm -rf", "$ sudo rm -rf /srv"),
        ("rm -rf", "RM   -RF"),
        ("-rf", "rm -rf x"),
        ("ÜBER", "etwas über Straßen"),
        ("strasse", "Straße"),
        ("a.b", "see a.b!"),
        ("password:", "Password: "),
    ],
)
def test_phrase_is_in_a_line_without_regard_to_case_and_spaces(phrase: str, line: str) -> None:
    found = Phrase.of(phrase)
    assert found.is_in(line)
    assert found.words <= words_of(line)


@pytest.mark.parametrize(
    ("phrase", "line"), [("rm -rf", "farm -rf"), ("rm -rf", "rm -rfx"), ("rm -rf", "rm x -rf"), ("a.b", "a b axb")]
)
def test_other_lines_do_not_contain_it(phrase: str, line: str) -> None:
    assert not Phrase.of(phrase).is_in(line)


@pytest.mark.parametrize("phrase", ["", "  ", "|| >", " ".join(f"w{number}" for number in range(17))])
def test_phrase_needs_a_word_and_not_too_many(phrase: str) -> None:
    with pytest.raises(NoWord, match="1 to 16 words"):
        Phrase.of(phrase)


def test_long_words_are_cut_in_the_index_and_compared_whole() -> None:
    long = "x" * 100
    assert words_of(long) == words_of(long + "y") == {"x" * 64}
    assert not Phrase.of(long + "y").is_in(long)
