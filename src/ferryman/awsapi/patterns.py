"""The models' regular expressions, which are Java's, as Python's and RE2's.

RE2 has Unicode's categories (`\\p{L}`) built in. Python's `re` lacks them: as ranges they take a second to compile.
Where RE2 is not installed, characters beyond ASCII are replaced by one that stands for their category.
"""

import re
import unicodedata
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING or find_spec("re2") is not None:
    import re2

    _HAS_RE2 = True
else:  # it has no wheel for musl
    _HAS_RE2 = False

_CATEGORY = re.compile(r"\\p\{([A-Z])\}")
_CLASS_BEFORE_DASH = re.compile(r"(\\[wds])-(?=[^\]])")


class _Pattern(Protocol):
    def fullmatch(self, text: str) -> object | None: ...


def matches(pattern: str, text: str) -> bool:
    """Return whether the whole of `text` fits `pattern`; as in Java, `\\w`, `\\d` and `\\s` mean ASCII."""
    try:
        return _compiled(pattern).fullmatch(text) is not None
    except UnicodeEncodeError:  # half a surrogate pair, which RE2 cannot be given
        return False


@cache
def _compiled(pattern: str) -> _Pattern:
    with_dashes = _CLASS_BEFORE_DASH.sub(r"\1\\-", pattern)
    if _CATEGORY.search(pattern):
        if not _HAS_RE2:
            return CategoryPattern(with_dashes)
        compiled: _Pattern = re2.compile(with_dashes)
        return compiled
    return re.compile(with_dashes, re.ASCII)


_STANDS_FOR = {category: chr(0xE000 + place) for place, category in enumerate("CLMNPSZ")}
"""Of Unicode's private use, which no pattern names."""


class CategoryPattern:
    """A pattern with categories, in character classes only, and otherwise of ASCII."""

    def __init__(self, pattern: str) -> None:
        self._pattern = re.compile(_CATEGORY.sub(lambda found: _members(found[1]), pattern), re.ASCII)

    def fullmatch(self, text: str) -> object | None:
        """As `re.Pattern.fullmatch`, except that the result's text is not `text`."""
        return self._pattern.fullmatch(
            "".join(each if each < "\x80" else _STANDS_FOR[_category(each)] for each in text)
        )


def _members(category: str) -> str:
    ascii_ = (chr(number) for number in range(128))
    return "".join(re.escape(each) for each in ascii_ if _category(each) == category) + _STANDS_FOR[category]


def _category(character: str) -> str:
    return unicodedata.category(character)[0]
