"""Tags: what kinds of resource have them."""

from enum import StrEnum


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


TAG_LIMIT = 50
"""Tags that a resource may have."""
