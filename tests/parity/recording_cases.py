"""Requests and answers of the operations on recordings, as botocore and as the use cases see them."""

from datetime import UTC, datetime
from typing import Any

MOMENT = datetime(2025, 3, 4, 5, 6, 7, 891000, UTC)
SECOND = datetime(2025, 3, 4, 5, 6, 7, tzinfo=UTC)
SESSION = "alice-0123456789abcdef0"
NODE = "mi-0123456789abcdef0"
RECORDING = {
    "SessionId": SESSION,
    "Status": "Finished",
    "Target": NODE,
    "Owner": "arn:aws:iam::123456789012:user/alice",
    "DocumentName": "SSM-SessionManagerRunShell",
    "Mode": "required",
    "StartDate": MOMENT,
    "FinishDate": SECOND,
    "DurationMillis": 1234,
    "Size": 10_000_000_000,
    "BlockCount": 3,
    "Head": "0" * 64,
    "RetainedUntil": SECOND,
    "Hold": {"Reason": "case 4711", "HeldBy": "arn:aws:iam::123456789012:user/carol", "HeldSince": MOMENT},
}

RECORDING_CASES: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("ferryman", "ListRecordings", {}, {"Recordings": []}),
    (
        "ferryman",
        "ListRecordings",
        {"Target": NODE, "Owner": "arn:aws:iam::123456789012:user/alice", "StartedAfter": SECOND, "MaxResults": 200},
        {"Recordings": [RECORDING, {"SessionId": SESSION, "Status": "Recording"}], "NextToken": "opaque"},
    ),
    (
        "ferryman",
        "SearchRecordings",
        {"Phrase": "rm -rf", "Target": NODE, "StartedBefore": SECOND, "MaxResults": 1, "NextToken": "opaque"},
        {
            "Matches": [
                {
                    "SessionId": SESSION,
                    "Target": NODE,
                    "Owner": "arn:aws:iam::123456789012:user/alice",
                    "DocumentName": "SSM-SessionManagerRunShell",
                    "Date": MOMENT,
                    "At": 1234,
                    "Line": "$ rm -rf /srv/ü 🚢",
                }
            ],
            "NextToken": "opaque",
        },
    ),
    ("ferryman", "GetRecording", {"SessionId": SESSION}, {"Recording": RECORDING}),
    (
        "ferryman",
        "GetRecordingEvents",
        {"SessionId": SESSION, "StartAt": 90_000, "IncludeInput": True, "NextToken": "opaque"},
        {
            "Events": [
                {"At": 0, "Kind": "o", "Data": b"\x00\xff \xc3\xa9"},
                {"At": 9_000, "Kind": "x", "Data": b"0"},
            ]
        },
    ),
    ("ferryman", "VerifyRecording", {"SessionId": SESSION}, {"SessionId": SESSION, "Intact": False, "Problem": "no"}),
    ("ferryman", "DeleteRecording", {"SessionId": SESSION}, {"SessionId": SESSION}),
    ("ferryman", "PutRecordingHold", {"SessionId": SESSION, "Reason": "case 4711"}, {"Recording": RECORDING}),
    (
        "ferryman",
        "GetAuditTrailStatus",
        {},
        {"Writing": False, "Failure": "no space", "Intact": True, "CheckedRecords": 2, "FirstRecord": 10_000_000_000},
    ),
    (
        "ferryman",
        "GetAuditTrailStatus",
        {},
        {"Intact": False, "Problem": "no", "LastRecord": 3, "LastRecordDate": SECOND},
    ),
    (
        "ferryman",
        "CheckSessionLogDestinations",
        {"S3BucketName": "logs", "S3EncryptionEnabled": True, "CloudWatchLogGroupName": "/logs"},
        {"Destinations": [{"Destination": "the bucket logs", "Usable": False, "Problem": "no"}]},
    ),
    ("ferryman", "DeleteRecordingHold", {"SessionId": SESSION}, {"SessionId": SESSION}),
]
