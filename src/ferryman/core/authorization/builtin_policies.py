"""The built-in managed policies: `arn:aws:iam::aws:policy/Ferryman…`, read-only."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from ferryman.model.arns import builtin_policy_arn
from ferryman.model.identifiers import Millis
from ferryman.model.identity.callers import BuiltinRole

SINCE = Millis(1_795_478_400_000)
"""The creation date of these policies: 24 November 2026."""
OPERATOR_ACTIONS = (
    "ssm:StartSession",
    "ssm:DescribeSessions",
    "ssm:GetConnectionStatus",
    "ssm:DescribeInstanceInformation",
    "ssm:GetDocument",
    "ssm:DescribeDocument",
    "ssm:ListDocuments",
    "ssm:ListDocumentVersions",
    "ssm:ListTagsForResource",
    "ssm:GetInventory",
    "ec2:DescribeInstances",
    "tag:GetResources",
    "iam:ListAccountAliases",
    "ferryman:CreateConsoleLink",
)


@dataclass(frozen=True, slots=True)
class BuiltinPolicy:
    """A built-in policy; `text` is its only version."""

    arn: str
    name: str
    description: str
    text: str


def _policy(name: str, description: str, *statements: Mapping[str, object]) -> BuiltinPolicy:
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    return BuiltinPolicy(builtin_policy_arn(name), name, description, json.dumps(document, indent=2))


_ALL = (
    _policy(
        "FerrymanAdministrator",
        "Everything.",
        {"Sid": "Everything", "Effect": "Allow", "Action": "*", "Resource": "*"},
    ),
    _policy(
        "FerrymanOperator",
        "Sessions on every node; lists of sessions, nodes and documents; resuming, ending and encrypting own sessions.",
        {"Sid": "SessionsAndLists", "Effect": "Allow", "Action": list(OPERATOR_ACTIONS), "Resource": "*"},
        {
            "Sid": "OwnSessions",
            "Effect": "Allow",
            "Action": ["ssm:ResumeSession", "ssm:TerminateSession", "ferryman:ListWatchers"],
            "Resource": ["arn:aws:ssm:*:*:session/${aws:username}-*", "arn:aws:ssm:*:*:session/${aws:userid}-*"],
        },
        {
            # `core.kms.session_rules`: the context must be that of a running session of the caller.
            "Sid": "KeysOfOwnSessions",
            "Effect": "Allow",
            "Action": "kms:GenerateDataKey",
            "Resource": "*",
            "Condition": {"ForAnyValue:StringEquals": {"kms:EncryptionContextKeys": "aws:ssm:SessionId"}},
        },
    ),
)
BUILTIN_POLICIES: Mapping[str, BuiltinPolicy] = {each.arn: each for each in _ALL}
ROLE_POLICIES: Mapping[BuiltinRole, str] = {BuiltinRole.ADMINISTRATOR: _ALL[0].arn, BuiltinRole.OPERATOR: _ALL[1].arn}
"""The policies behind the roles of `ferryman user`."""
