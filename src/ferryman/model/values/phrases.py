"""What is searched for in recordings: a phrase, and the words that an index is asked for first."""

import re
from dataclasses import dataclass

_WORD = re.compile(r"\w+")
LONGEST_WORD = 64
"""Characters of a word that count; longer words that begin alike are told apart in the line itself."""
MOST_WORDS = 16


class NoWord(ValueError):
    """The phrase has no letter and no digit, or too many words."""


def words_of(text: str) -> frozenset[str]:
    """Return the words of a text: runs of letters, digits and underscores, without regard to case."""
    return frozenset(word[:LONGEST_WORD] for word in _WORD.findall(text.casefold()))


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase that a line must contain: whole words, without regard to case; spaces match any number of them."""

    words: frozenset[str]
    pattern: "re.Pattern[str]"

    @classmethod
    def of(cls, text: str) -> "Phrase":
        """Return the phrase that a person typed; raises `NoWord`."""
        parts = text.casefold().split()
        words = words_of(" ".join(parts))
        if not 0 < len(words) <= MOST_WORDS:
            raise NoWord(f"it needs 1 to {MOST_WORDS} words with letters or digits, and has {len(words)}")
        pattern = r"[^\S\n]+".join(map(re.escape, parts))
        before = r"(?<!\w)" if _WORD.match(parts[0]) else ""
        after = r"(?!\w)" if _WORD.match(parts[-1][-1]) else ""
        return cls(words, re.compile(before + pattern + after))

    def is_in(self, text: str) -> bool:
        """Whether a line contains it, or one of several that are separated by line feeds."""
        return self.pattern.search(text.casefold()) is not None
