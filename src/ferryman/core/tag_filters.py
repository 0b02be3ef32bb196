"""The filters that listings share: `tag:<key>` with values, and `tag-key`."""

from collections.abc import Collection, Mapping

_BY_VALUE = "tag:"
_BY_KEY = "tag-key"


def is_tag_filter(key: str) -> bool:
    """Tell whether a filter is about tags; `tag:` alone is not."""
    return key == _BY_KEY or (key.startswith(_BY_VALUE) and key != _BY_VALUE)


def fits_tag_filter(tags: Mapping[str, str], key: str, values: Collection[str]) -> bool:
    """Tell whether a resource with `tags` passes the filter: any of `values` will do."""
    if key == _BY_KEY:
        return any(value in tags for value in values)
    return tags.get(key.removeprefix(_BY_VALUE)) in values
