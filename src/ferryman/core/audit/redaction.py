"""Redaction of a call's parameters and result: members listed here are recorded, cut to size; all others are hidden.

Deny by default: a member that a new operation adds is hidden until it is listed. Names are AWS's.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from itertools import islice
from typing import Any

import msgspec

from ferryman.model.values.timestamps import iso_seconds

HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"
"""CloudTrail's own text for hidden members."""
LONGEST_TEXT = 1024
"""Bytes of a text in JSON."""
MOST_ELEMENTS = 50
"""Elements of a list or map; the number of all follows them."""
TOO_LARGE = "OMITTED_FOR_ITS_SIZE"
"""Replaces a member that does not fit beside the others."""
MOST_BYTES = 16 * 1024
"""JSON bytes of a call's parameters, or of its result."""
_OTHERS = "…"
"""Counts members whose names do not fit, and elements that were cut off."""
_REST_BYTES = 32
"""Bytes, more than such a count needs."""
_LARGE_NUMBER = 1 << 63
"""Many JSON readers do not represent larger numbers exactly."""
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
        "AccountAliases", "Aggregators", "DocumentFilterList", "DryRun", "Filters", "InstanceIds", "MaxItems",
        "MaxResults",
        "ResourceARNList", "ResourceTypeFilters", "ResourcesPerPage", "ResultAttributes", "TagFilters", "TagsPerPage",
        "EndTime", "EventCategory", "LookupAttributes", "StartTime",
        # KMS
        "AliasName", "BypassPolicyLockoutSafetyCheck", "Constraints", "CustomKeyStoreId", "CustomerMasterKeySpec",
        "DeletionDate", "DestinationEncryptionAlgorithm", "DestinationEncryptionContext", "DestinationKeyId",
        "DestinationKeyMaterialId", "DryRunModifiers", "EncryptionAlgorithm", "EncryptionContext", "GrantId",
        "GranteePrincipal", "GranteeServicePrincipal", "IncludeKeyMaterial", "KeyId", "KeyMaterialId", "KeyMetadata",
        "KeySpec", "KeyState", "KeyUsage", "Limit", "MultiRegion", "NumberOfBytes", "Operations", "Origin",
        "PendingWindowInDays", "ResourceOwners", "RetiringPrincipal", "RetiringServicePrincipal",
        "RotationPeriodInDays", "SourceEncryptionAlgorithm", "SourceEncryptionContext", "SourceKeyId",
        "SourceKeyMaterialId", "TargetKeyId", "Truncated", "XksKeyId",
        # Recordings
        "IncludeInput", "Intact", "Problem", "StartAt", "StartedAfter", "StartedBefore",
        # The server's parts
        "CheckedRecords", "CloudWatchEncryptionEnabled", "CloudWatchLogGroupName", "Destinations", "Failure",
        "FirstRecord", "LastRecord", "LastRecordDate", "S3BucketName", "S3EncryptionEnabled", "Writing",
        # Watching
        "Announced",
        # Keys for SSH
        "AvailabilityZone", "InstanceOSUser", "Success",
        # Identities
        "AccessKeyId", "AccessRequestId", "AccessRequestStatus", "AutomationExecutionId",
        "CreatedBy", "InvitationId",
        "ExpirationTime", "OpsItemFilters", "OpsItemId", "Payload", "SignalType", "Account", "ActionNames",
        "Arn", "AssumedRoleId",
        "Audience", "ClientIDList", "CreateDate", "DurationSeconds", "GroupId", "GroupName", "MaxSessionDuration",
        "NewGroupName", "NewPath", "NewUserName", "OnlyAttached", "OpenIDConnectProviderArn", "Path", "PathPrefix",
        "PermissionsBoundary", "PolicyArn", "PolicyArns", "PolicyId", "PolicyName", "PolicySourceArn", "Provider",
        "ResourceArns", "RoleArn", "RoleId", "RoleName", "RoleSessionName", "Scope", "SetAsDefault", "SourceIdentity",
        "SubjectFromWebIdentityToken", "TransitiveTagKeys", "Url", "UserId", "UserName", "VersionId",
        "ConsoleLogin", "ConsoleLogout", "SignInMethod",
    }
)  # fmt: skip
"""Members recorded with all their content."""

NESTED = frozenset(
    {
        "AccessKey", "AssumedRoleUser", "Credentials", "DocumentDescription", "Group", "Invitation",
        "Policy", "PolicyVersion",
        "Role", "User",
    }
)  # fmt: skip
"""Structures, to whose members the same rules apply. As text (a session policy) they are recorded by digest."""

DIGESTED = frozenset(
    {
        "AssumeRolePolicyDocument",
        "Content",
        "NewPublicKey",
        "PolicyDocument",
        "PolicyInputList",
        "PublicKey",
        "SSHPublicKey",
    }
)
"""Long texts that are not secret: recorded as their length and SHA-256."""

PARAMETERS = "Parameters"
PARAMETERS_SHOWN = frozenset({"host", "localPortNumber", "localUnixSocket", "portNumber", "remoteUnixSocket"})
"""Recorded parameters of session documents: where a forwarded port leads. Commands may contain passwords."""
COMMAND = "command"
"""The parameter of AWS's documents for commands."""


_json = msgspec.json.Encoder()


class _Room:
    """The bytes left for a member; the first value that does not fit ends it."""

    def __init__(self, left: int) -> None:
        self.left = left

    def holds(self, value: Any) -> bool:
        """Use the bytes of a scalar or key and its punctuation; False if they are not left."""
        self.left -= len(_json.encode(value)) + 3
        return self.left >= 0


def recorded(
    members: Mapping[str, Any],
    most_bytes: int = MOST_BYTES,
    depth: int = 0,
    parameters: frozenset[str] = PARAMETERS_SHOWN,
) -> dict[str, Any]:
    """Return what is recorded of parameters or a result, with lower-case first letters, as CloudTrail has them.

    At most `most_bytes` of JSON, at least 64. Each member is cut to a third of that, and if all do not fit together,
    the largest become `TOO_LARGE`, so that small ones, such as a target, are always recorded. `parameters` are the
    names of the session documents' parameters that are recorded.
    """
    share = max(most_bytes // 3, _REST_BYTES)
    found = {
        text(name[:1].lower() + name[1:], 256): _member(name, value, depth, share, parameters)
        for name, value in members.items()
        if value is not None
    }
    return _fitted(found, most_bytes)


def text(value: str, most_bytes: int = LONGEST_TEXT) -> str:
    """Return a text that JSON can represent, of at most `most_bytes` in JSON."""
    if len(value) > most_bytes:
        value = value[: most_bytes - 1] + _OTHERS
    if not value.isascii():
        value = value.encode(errors="replace").decode()
    if len(_json.encode(value)) - 2 <= most_bytes:
        return value
    left, kept = most_bytes - len(_json.encode(_OTHERS)) + 2, []
    for character in value:
        left -= len(_json.encode(character)) - 2
        if left < 0:
            break
        kept.append(character)
    return "".join(kept) + _OTHERS


def _fitted(members: dict[str, Any], most_bytes: int) -> dict[str, Any]:
    sizes = {name: len(_json.encode(name)) + len(_json.encode(value)) + 2 for name, value in members.items()}
    if sum(sizes.values()) + 2 <= most_bytes:
        return members
    left, kept, omitted = most_bytes - _REST_BYTES, set(), set()
    marks = {name: len(_json.encode(name)) + len(TOO_LARGE) + 4 for name in members}
    for name in sorted(members, key=marks.__getitem__):  # every name first, as far as there is room
        mark = min(marks[name], sizes[name])
        if mark <= left:
            left -= mark
            omitted.add(name)
    for name in sorted(omitted, key=sizes.__getitem__):
        more = sizes[name] - min(marks[name], sizes[name])
        if more <= left:
            left -= more
            kept.add(name)
    fitted = {name: value if name in kept else TOO_LARGE for name, value in members.items() if name in omitted}
    return fitted if len(fitted) == len(members) else fitted | {_OTHERS: len(members) - len(fitted)}


def _member(name: str, value: Any, depth: int, share: int, parameters: frozenset[str]) -> Any:
    if name in SHOWN:
        return _bounded(value, depth, _Room(share))
    if name in NESTED and isinstance(value, Mapping) and depth < DEEPEST:
        return recorded(value, share, depth + 1, parameters)
    if (name in DIGESTED or name in NESTED) and isinstance(value, str):
        encoded = value.encode(errors="replace")
        return {"bytes": len(encoded), "sha256": sha256(encoded).hexdigest()}
    if name == PARAMETERS and isinstance(value, Mapping):
        room = _Room(share)
        return _bounded({key: each if key in parameters else HIDDEN for key, each in value.items()}, 0, room)
    return HIDDEN


def _bounded(value: Any, depth: int, room: _Room) -> Any:
    if isinstance(value, Mapping):
        return _mapping(value, depth, room) if depth < DEEPEST else HIDDEN
    if isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray):
        return _sequence(value, depth, room) if depth < DEEPEST else HIDDEN
    scalar = _scalar(value)
    return scalar if room.holds(scalar) else TOO_LARGE


def _mapping(value: Mapping[Any, Any], depth: int, room: _Room) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    room.left -= 2
    for key, each in islice(value.items(), MOST_ELEMENTS):
        shown = text(str(key))
        if not room.holds(shown):
            break
        kept[shown] = _bounded(each, depth + 1, room)
    return kept if len(kept) == len(value) else kept | {_OTHERS: len(value)}


def _sequence(value: Sequence[Any], depth: int, room: _Room) -> list[Any]:
    kept = []
    room.left -= 2
    for each in value[:MOST_ELEMENTS]:
        if room.left <= 0:
            break
        kept.append(_bounded(each, depth + 1, room))
    return kept if len(kept) == len(value) else [*kept, f"{_OTHERS} {len(value)}"]


def _scalar(value: Any) -> Any:
    if isinstance(value, str):
        return text(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < _LARGE_NUMBER else text(hex(value), 64)
    if isinstance(value, float):
        return str(value)  # numbers with a fraction have more than one spelling
    if isinstance(value, datetime):
        return iso_seconds(value)
    return HIDDEN
