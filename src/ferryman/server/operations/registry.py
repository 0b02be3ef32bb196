"""Every operation that the server supports, joined from the tables of the modules in this package."""

from collections.abc import Mapping
from enum import Enum, auto

from ferryman.server.operations import (
    access_requests,
    agents,
    cloudtrail,
    documents,
    ec2,
    inventory,
    kms,
    nodes,
    sessions,
    sts,
)
from ferryman.server.operations.context import Key, NodeOperation, Operations, UnsignedOperation
from ferryman.server.operations.ferryman import console, health, invitations, recordings, watching
from ferryman.server.operations.iam import (
    account,
    attached_policies,
    groups,
    managed_policies,
    oidc_providers,
    roles,
    simulation,
    unsupported,
    users,
)

BY_CALLER: Operations = {
    **sessions.OPERATIONS,
    **agents.OPERATIONS,
    **nodes.OPERATIONS,
    **documents.OPERATIONS,
    **access_requests.OPERATIONS,
    **inventory.OPERATIONS,
    **ec2.OPERATIONS,
    **sts.OPERATIONS,
    **recordings.OPERATIONS,
    **cloudtrail.OPERATIONS,
    **watching.OPERATIONS,
    **account.OPERATIONS,
    **attached_policies.OPERATIONS,
    **groups.OPERATIONS,
    **managed_policies.OPERATIONS,
    **oidc_providers.OPERATIONS,
    **roles.OPERATIONS,
    **simulation.OPERATIONS,
    **unsupported.OPERATIONS,
    **users.OPERATIONS,
    **invitations.OPERATIONS,
    **kms.OPERATIONS,
    **console.OPERATIONS,
    **health.OPERATIONS,
}
"""Operations whose caller signed with SigV4: users, roles and nodes."""

FOR_PEOPLE = frozenset(BY_CALLER) - frozenset(agents.OPERATIONS)
"""Operations that people call: all whose caller signs with SigV4, but those of agents."""
FOR_BROWSERS = FOR_PEOPLE - {("sts", "GetSessionToken"), ("ferryman", "CreateConsoleLink")}
"""Operations that the console may call: none that returns credentials which outlast the browser's session. Whoever
stole a cookie would keep them after its owner signs out."""

BY_NODE_KEY: Mapping[Key, NodeOperation] = agents.OPERATIONS_BY_NODE_KEY
"""Operations whose caller signed with the node's own RSA key."""

BY_ANYONE: Mapping[Key, UnsignedOperation] = {
    **agents.OPERATIONS_UNSIGNED,
    **sts.OPERATIONS_UNSIGNED,
    **invitations.OPERATIONS_UNSIGNED,
}
"""Operations without a signature; each checks a code or a token itself."""


class Authentication(Enum):
    """How the caller of an operation proves who it is."""

    NONE = auto()
    """Not by a signature; the operation itself checks a code or a token."""
    NODE_KEY = auto()
    """By the node's own RSA key."""
    SIGV4 = auto()


def authentication_of(key: Key) -> Authentication:
    """Return how callers of an operation authenticate: with SigV4, unless its table says otherwise."""
    if key in BY_ANYONE:
        return Authentication.NONE
    return Authentication.NODE_KEY if key in BY_NODE_KEY else Authentication.SIGV4
