"""The models' regular expressions, which are Java's, as Python's and RE2's.

RE2 has Unicode's categories (`\\p{L}`) built in. Python's `re` lacks them: as ranges they take a second to compile.
"""

import re
from functools import cache
from typing import Protocol

import re2

_CATEGORY = re.compile(r"\\p\{[A-Z]\}")
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
        compiled: _Pattern = re2.compile(with_dashes)
        return compiled
    return re.compile(with_dashes, re.ASCII)
