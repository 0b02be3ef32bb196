"""The models' regular expressions, which are Java's, as Python's."""

import re
import sys
import unicodedata
from functools import cache

_CATEGORY = re.compile(r"\\p\{([A-Z])\}")
_CLASS_BEFORE_DASH = re.compile(r"(\\[wds])-(?=[^\]])")


def matches(pattern: str, text: str) -> bool:
    """Tell whether the whole of `text` fits `pattern`; as in Java, `\\w`, `\\d` and `\\s` mean ASCII."""
    return _compiled(pattern).fullmatch(text) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    with_dashes = _CLASS_BEFORE_DASH.sub(r"\1\\-", pattern)
    return re.compile(_CATEGORY.sub(lambda match: _category(match[1]), with_dashes), re.ASCII)


@cache
def _category(letter: str) -> str:
    """Return the inside of a character class that holds a Unicode general category, `L` for all letters."""
    ranges: list[tuple[int, int]] = []
    for point in range(sys.maxunicode + 1):
        if unicodedata.category(chr(point))[0] == letter:
            if ranges and ranges[-1][1] == point - 1:
                ranges[-1] = (ranges[-1][0], point)
            else:
                ranges.append((point, point))
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)
