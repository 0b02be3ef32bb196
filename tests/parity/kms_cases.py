"""Requests and answers of KMS's operations, as botocore and as the use cases see them."""

from datetime import UTC, datetime
from typing import Any

MOMENT = datetime(2025, 3, 4, 5, 6, 7, 891000, UTC)
KEY_ID = "01234567-89ab-4def-8123-456789abcdef"
KEY = f"arn:aws:kms:test-1:123456789012:key/{KEY_ID}"
ALICE = "arn:aws:iam::123456789012:user/alice"
ALIAS = "alias/recordings"
MATERIAL = "0f" * 32
BLOB = bytes(range(256))
PLAINTEXT = b"\x00plain\xff"
CONTEXT = {"aws:ssm:SessionId": "alice-0123456789abcdef0", "d\u00e9pt": "\u26f4\ufe0f"}
ALGORITHM = "SYMMETRIC_DEFAULT"
TAGS = [{"TagKey": "team", "TagValue": ""}]
METADATA = {
    "AWSAccountId": "123456789012",
    "KeyId": KEY_ID,
    "Arn": KEY,
    "CreationDate": MOMENT,
    "Enabled": True,
    "Description": "d\u00e9",
    "KeyUsage": "ENCRYPT_DECRYPT",
    "KeyState": "PendingDeletion",
    "DeletionDate": MOMENT,
    "Origin": "AWS_KMS",
    "KeyManager": "CUSTOMER",
    "CustomerMasterKeySpec": ALGORITHM,
    "KeySpec": ALGORITHM,
    "EncryptionAlgorithms": [ALGORITHM],
    "MultiRegion": False,
    "CurrentKeyMaterialId": MATERIAL,
}
GRANT = {
    "KeyId": KEY,
    "GrantId": "ab" * 32,
    "Name": "n",
    "CreationDate": MOMENT,
    "GranteePrincipal": ALICE,
    "IssuingAccount": "arn:aws:iam::123456789012:root",
    "Operations": ["Decrypt", "DescribeKey"],
    "Constraints": {"EncryptionContextSubset": CONTEXT},
}
NAMED = {"KeyId": KEY_ID}
PAGE = {"Truncated": True, "NextMarker": "bWFya2Vy"}
ENCRYPTED = {"CiphertextBlob": BLOB, "KeyId": KEY}

KMS_CASES: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("kms", "CreateKey", {}, {"KeyMetadata": METADATA}),
    (
        "kms",
        "CreateKey",
        {"Policy": "{\t\u00ff}", "Description": "d", "BypassPolicyLockoutSafetyCheck": True, "Tags": TAGS},
        {"KeyMetadata": METADATA},
    ),
    ("kms", "DescribeKey", {**NAMED, "GrantTokens": ["t"]}, {"KeyMetadata": METADATA}),
    ("kms", "ListKeys", {"Limit": 1, "Marker": "m"}, {"Keys": [{"KeyId": KEY_ID, "KeyArn": KEY}], **PAGE}),
    ("kms", "EnableKey", NAMED, {}),
    ("kms", "DisableKey", NAMED, {}),
    ("kms", "UpdateKeyDescription", {**NAMED, "Description": ""}, {}),
    (
        "kms",
        "ScheduleKeyDeletion",
        {**NAMED, "PendingWindowInDays": 7},
        {"KeyId": KEY, "DeletionDate": MOMENT, "KeyState": "PendingDeletion", "PendingWindowInDays": 7},
    ),
    ("kms", "CancelKeyDeletion", NAMED, {"KeyId": KEY}),
    ("kms", "CreateAlias", {"AliasName": ALIAS, "TargetKeyId": KEY_ID}, {}),
    ("kms", "UpdateAlias", {"AliasName": ALIAS, "TargetKeyId": KEY}, {}),
    ("kms", "DeleteAlias", {"AliasName": ALIAS}, {}),
    (
        "kms",
        "ListAliases",
        NAMED,
        {
            "Aliases": [
                {
                    "AliasName": ALIAS,
                    "AliasArn": f"arn:aws:kms:test-1:123456789012:{ALIAS}",
                    "TargetKeyId": KEY_ID,
                    "CreationDate": MOMENT,
                    "LastUpdatedDate": MOMENT,
                }
            ],
            "Truncated": False,
        },
    ),
    (
        "kms",
        "Encrypt",
        {"KeyId": ALIAS, "Plaintext": PLAINTEXT, "EncryptionContext": CONTEXT, "DryRun": False},
        {**ENCRYPTED, "EncryptionAlgorithm": ALGORITHM},
    ),
    (
        "kms",
        "Decrypt",
        {"CiphertextBlob": BLOB, "EncryptionContext": CONTEXT, "KeyId": KEY, "EncryptionAlgorithm": ALGORITHM},
        {"KeyId": KEY, "Plaintext": PLAINTEXT, "EncryptionAlgorithm": ALGORITHM, "KeyMaterialId": MATERIAL},
    ),
    (
        "kms",
        "ReEncrypt",
        {"CiphertextBlob": BLOB, "SourceEncryptionContext": CONTEXT, "DestinationKeyId": KEY_ID},
        {
            **ENCRYPTED,
            "SourceKeyId": KEY,
            "SourceEncryptionAlgorithm": ALGORITHM,
            "DestinationEncryptionAlgorithm": ALGORITHM,
            "SourceKeyMaterialId": MATERIAL,
            "DestinationKeyMaterialId": MATERIAL,
        },
    ),
    (
        "kms",
        "GenerateDataKey",
        {**NAMED, "NumberOfBytes": 64, "EncryptionContext": CONTEXT, "GrantTokens": ["t"]},
        {**ENCRYPTED, "Plaintext": PLAINTEXT, "KeyMaterialId": MATERIAL},
    ),
    (
        "kms",
        "GenerateDataKeyWithoutPlaintext",
        {**NAMED, "KeySpec": "AES_256"},
        {**ENCRYPTED, "KeyMaterialId": MATERIAL},
    ),
    ("kms", "GenerateRandom", {"NumberOfBytes": 1024}, {"Plaintext": PLAINTEXT}),
    ("kms", "GetKeyPolicy", {**NAMED, "PolicyName": "default"}, {"Policy": "{}", "PolicyName": "default"}),
    ("kms", "PutKeyPolicy", {**NAMED, "Policy": "{}", "BypassPolicyLockoutSafetyCheck": False}, {}),
    ("kms", "ListKeyPolicies", NAMED, {"PolicyNames": ["default"], "Truncated": False}),
    ("kms", "EnableKeyRotation", {**NAMED, "RotationPeriodInDays": 90}, {}),
    ("kms", "DisableKeyRotation", NAMED, {}),
    (
        "kms",
        "GetKeyRotationStatus",
        NAMED,
        {"KeyRotationEnabled": True, "KeyId": KEY, "RotationPeriodInDays": 90, "NextRotationDate": MOMENT},
    ),
    ("kms", "RotateKeyOnDemand", NAMED, {"KeyId": KEY}),
    (
        "kms",
        "ListKeyRotations",
        {**NAMED, "IncludeKeyMaterial": "ALL_KEY_MATERIAL"},
        {
            "Rotations": [
                {
                    "KeyId": KEY,
                    "KeyMaterialId": MATERIAL,
                    "KeyMaterialState": "CURRENT",
                    "RotationDate": MOMENT,
                    "RotationType": "ON_DEMAND",
                }
            ],
            "Truncated": False,
        },
    ),
    ("kms", "TagResource", {**NAMED, "Tags": TAGS}, {}),
    ("kms", "UntagResource", {**NAMED, "TagKeys": ["team"]}, {}),
    ("kms", "ListResourceTags", NAMED, {"Tags": TAGS, **PAGE}),
    (
        "kms",
        "CreateGrant",
        {
            **NAMED,
            "GranteePrincipal": ALICE,
            "Operations": ["Decrypt"],
            "Constraints": {"EncryptionContextEquals": CONTEXT},
        },
        {"GrantToken": "dG9rZW4=", "GrantId": "ab" * 32},
    ),
    ("kms", "ListGrants", {**NAMED, "GranteePrincipal": ALICE}, {"Grants": [GRANT], "Truncated": False}),
    ("kms", "RevokeGrant", {**NAMED, "GrantId": "ab" * 32}, {}),
    ("kms", "RetireGrant", {"GrantToken": "dG9rZW4="}, {}),
]
