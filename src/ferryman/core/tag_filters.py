"""The filters that listings share: `tag:<key>` with values, and `tag-key`."""

from collections.abc import Collection, Mapping

BY_KEY = "tag-key"
_BY_VALUE = "tag:"


def is_tag_filter(key: str) -> bool:
    """Tell whether a filter is about tags; `tag:` alone is not."""
    return key == BY_KEY or (key.startswith(_BY_VALUE) and key != _BY_VALUE)


def tag_of(key: str) -> str:
    """Return the tag's key in a filter `tag:<key>`."""
    return key.removeprefix(_BY_VALUE)


def fits_tag_filter(tags: Mapping[str, str], key: str, values: Collection[str]) -> bool:
    """Tell whether a resource with `tags` passes the filter: any of `values` will do."""
    if key == BY_KEY:
        return any(value in tags for value in values)
    return tags.get(tag_of(key)) in values
