"""Marker, Limit and Truncated of KMS's listings."""

from collections.abc import Sequence
from typing import Any

from ferryman.core.paging import Page
from ferryman.server.operations.context import Parameters, Result


def limit_of(parameters: Parameters, default: int, most: int) -> int:
    """Return the most items of a page; a larger Limit than `most` is cut to it, as on AWS."""
    return min(parameters.get("Limit") or default, most)


def page_result(member: str, page: Page[Any], items: Sequence[Any]) -> Result:
    """Return a page with `items` as `member`."""
    is_cut = page.next_token is not None
    return {member: list(items), "Truncated": is_cut, **({"NextMarker": page.next_token} if is_cut else {})}
