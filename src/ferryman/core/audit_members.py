"""What of a call's parameters and result is recorded: what is listed here, cut to size; everything else is hidden.

Deny by default: a member that a new operation brings is hidden until somebody lists it. Names are AWS's.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"
"""CloudTrail's own words."""
LONGEST_TEXT = 1024
MOST_ELEMENTS = 50
"""Of a list or a map; how many there were is said behind them."""
DEEPEST = 6

SHOWN = frozenset(
    {
        # Sessions and channels
        "Target", "Targets", "Reason", "SessionId", "State", "StreamUrl", "ChannelId", "Destination",
        # Nodes and activations
        "ActivationId", "AgentName", "AgentStatus", "AgentVersion", "ComputerName", "DefaultInstanceName",
        "ExpirationDate", "Expiration", "IPAddress", "IamRole", "InstanceId", "InstanceInformationFilterList",
        "NewPublicKeyType", "PlatformName", "PlatformType", "PlatformVersion", "PublicKeyType", "RegistrationLimit",
        "UpdateKeyPair", "TokenExpirationDate",
        # Documents and tags
        "CreatedDate", "DefaultVersion", "Description", "DisplayName", "DocumentFormat", "DocumentName",
        "DocumentType", "DocumentVersion", "Force", "Hash", "HashType", "LatestVersion", "Name", "Owner",
        "SchemaVersion", "Status", "TargetType", "VersionName", "ResourceId", "ResourceType", "TagKeys", "Tags",
        # Listings
        "DocumentFilterList", "Filters", "MaxItems", "MaxResults",
        # Identities
        "AccessKeyId", "AccessRequestId", "AccessRequestStatus", "AutomationExecutionId",
        "ExpirationTime", "OpsItemFilters", "OpsItemId", "Payload", "SignalType", "Account", "ActionNames",
        "Arn", "AssumedRoleId",
        "Audience", "ClientIDList", "CreateDate", "DurationSeconds", "GroupId", "GroupName", "MaxSessionDuration",
        "NewGroupName", "NewPath", "NewUserName", "OnlyAttached", "OpenIDConnectProviderArn", "Path", "PathPrefix",
        "PermissionsBoundary", "PolicyArn", "PolicyArns", "PolicyId", "PolicyName", "PolicySourceArn", "Provider",
        "ResourceArns", "RoleArn", "RoleId", "RoleName", "RoleSessionName", "Scope", "SetAsDefault", "SourceIdentity",
        "SubjectFromWebIdentityToken", "TransitiveTagKeys", "Url", "UserId", "UserName", "VersionId",
    }
)  # fmt: skip
"""Members recorded with all that is in them."""

NESTED = frozenset(
    {
        "AccessKey", "AssumedRoleUser", "Credentials", "DocumentDescription", "Group", "Policy", "PolicyVersion",
        "Role", "User",
    }
)  # fmt: skip
"""Structures, of whose members the same rules decide. As text (a policy of a session) they are named by digest."""

DIGESTED = frozenset(
    {"AssumeRolePolicyDocument", "Content", "NewPublicKey", "PolicyDocument", "PolicyInputList", "PublicKey"}
)
"""Long texts that are no secret: recorded as their length and SHA-256."""

PARAMETERS = "Parameters"
PARAMETERS_SHOWN = frozenset({"host", "localPortNumber", "localUnixSocket", "portNumber", "remoteUnixSocket"})
"""Of a session document's parameters: where a forwarded port leads. Commands may hold passwords."""


def recorded(members: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
    """Return what is recorded of parameters or a result, first letters in lower case, as CloudTrail has it."""
    return {
        name[:1].lower() + name[1:]: _member(name, value, depth) for name, value in members.items() if value is not None
    }


def text(value: str) -> str:
    """Return a text that JSON can hold, of at most LONGEST_TEXT characters."""
    if len(value) > LONGEST_TEXT:
        value = value[: LONGEST_TEXT - 1] + "…"
    return value if value.isascii() else value.encode(errors="replace").decode()


def _member(name: str, value: Any, depth: int) -> Any:
    if name in SHOWN:
        return _bounded(value, depth)
    if name in NESTED and isinstance(value, Mapping) and depth < DEEPEST:
        return recorded(value, depth + 1)
    if (name in DIGESTED or name in NESTED) and isinstance(value, str):
        encoded = value.encode(errors="replace")
        return {"bytes": len(encoded), "sha256": sha256(encoded).hexdigest()}
    if name == PARAMETERS and isinstance(value, Mapping):
        given = list(value.items())[:MOST_ELEMENTS]
        return {text(key): _bounded(each, 1) if key in PARAMETERS_SHOWN else HIDDEN for key, each in given}
    return HIDDEN


def _bounded(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return text(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return str(value)  # numbers with a fraction have more than one spelling
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if depth >= DEEPEST:
        return HIDDEN
    if isinstance(value, Mapping):
        pairs = list(value.items())
        kept = {text(str(key)): _bounded(each, depth + 1) for key, each in pairs[:MOST_ELEMENTS]}
        return kept | ({"…": len(pairs)} if len(pairs) > MOST_ELEMENTS else {})
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        elements = [_bounded(each, depth + 1) for each in value[:MOST_ELEMENTS]]
        return [*elements, f"… {len(value)}"] if len(value) > MOST_ELEMENTS else elements
    return HIDDEN
