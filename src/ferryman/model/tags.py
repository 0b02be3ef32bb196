"""Tags: the types of resource that have them, and the rules for the tags of one resource."""

from collections.abc import Mapping
from enum import StrEnum

NAME_TAG = "Name"
"""The key of the tag that names a node. It takes precedence over the name that its activation gave it."""


class ResourceType(StrEnum):
    """Kinds of resource, as AddTagsToResource names the first two; an activation's tags become those of its nodes."""

    NODE = "ManagedInstance"
    DOCUMENT = "Document"
    ACTIVATION = "Activation"
    USER = "User"
    ROLE = "Role"
    OIDC_PROVIDER = "OpenIDConnectProvider"
    POLICY = "Policy"
    OPS_ITEM = "OpsItem"
    KMS_KEY = "KmsKey"


TAG_LIMIT = 50
"""The most tags that a resource may have."""


class AlikeTagKeys(Exception):
    """Two keys that differ only in case, which conditions in policies could not tell apart; the message says which."""


class TooManyTags(Exception):
    """A resource would have more than `TAG_LIMIT` tags."""


def check_keys(given: Mapping[str, str]) -> None:
    """Raise AlikeTagKeys if two keys of one request differ only in case."""
    seen: dict[str, str] = {}
    for key in given:
        other = seen.setdefault(key.casefold(), key)
        if other != key:
            raise AlikeTagKeys(f"The tag keys {other} and {key} differ only in case; keep one of them.")


def check_together(given: Mapping[str, str], present: Mapping[str, str]) -> None:
    """Raise AlikeTagKeys or TooManyTags unless a resource with the tags `present` may get those in `given`.

    Keys are compared without their case, in any script; conditions ignore that of ASCII letters only. Two keys in
    `present` that were stored alike before this rule do not hinder others.
    """
    stored = {key.casefold(): key for key in present if key not in given}
    for key in given:
        other = stored.get(key.casefold())
        if other is not None:
            raise AlikeTagKeys(
                f"The tag key {key} differs only in case from the existing key {other}; use that spelling, or remove "
                "that tag first."
            )
    if len({*given, *present}) > TAG_LIMIT:
        raise TooManyTags
