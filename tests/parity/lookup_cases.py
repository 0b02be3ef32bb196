"""Requests and answers of LookupEvents, for `operation_cases`."""

from datetime import UTC, datetime
from typing import Any

SECOND = datetime(2025, 3, 4, 5, 6, 7, tzinfo=UTC)
LOOKUP_CASES: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("cloudtrail", "LookupEvents", {}, {"Events": []}),
    (
        "cloudtrail",
        "LookupEvents",
        {
            "LookupAttributes": [{"AttributeKey": "Username", "AttributeValue": "alice"}],
            "StartTime": SECOND,
            "EndTime": SECOND,
            "MaxResults": 50,
            "NextToken": "opaque",
        },
        {
            "Events": [
                {
                    "EventId": "e",
                    "EventName": "StartSession",
                    "ReadOnly": "false",
                    "AccessKeyId": "AKIA",
                    "EventTime": SECOND,
                    "EventSource": "ssm.amazonaws.com",
                    "Username": "alice",
                    "Resources": [
                        {"ResourceType": "AWS::SSM::ManagedInstance", "ResourceName": "mi-0123456789abcdef0"}
                    ],
                    "CloudTrailEvent": '{"eventName":"StartSession"}',
                }
            ],
            "NextToken": "opaque",
        },
    ),
]
