"""Requests and answers of every operation, as botocore and as the use cases see them."""

from datetime import UTC, datetime
from typing import Any

from tests.parity.kms_cases import KMS_CASES
from tests.parity.lookup_cases import LOOKUP_CASES
from tests.parity.recording_cases import RECORDING_CASES

MOMENT = datetime(2025, 3, 4, 5, 6, 7, 891000, UTC)
SECOND = datetime(2025, 3, 4, 5, 6, 7, tzinfo=UTC)
SESSION = "alice-0123456789abcdef0"
NODE = "mi-0123456789abcdef0"
TICKET = {
    "SessionId": SESSION,
    "TokenValue": "AAEAA" * 60,
    "StreamUrl": f"ws://localhost:8022/v1/data-channel/{SESSION}?role=publish_subscribe",
}
ACTIVATION = "01234567-89ab-cdef-0123-456789abcdef"
DESCRIPTION = {
    "Hash": "0" * 64,
    "HashType": "Sha256",
    "Name": "Doc",
    "Owner": "123456789012",
    "CreatedDate": MOMENT,
    "Status": "Active",
    "DocumentVersion": "1",
    "Parameters": [{"Name": "p", "Type": "String", "DefaultValue": ""}],
    "PlatformTypes": ["Linux", "MacOS"],
    "DocumentType": "Session",
    "SchemaVersion": "1.0",
    "LatestVersion": "2",
    "DefaultVersion": "1",
    "DocumentFormat": "JSON",
    "Tags": [{"Key": "k", "Value": "v"}],
}

CASES: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("ssm", "StartSession", {"Target": NODE}, TICKET),
    (
        "ssm",
        "StartSession",
        {
            "Target": NODE,
            "DocumentName": "AWS-StartPortForwardingSession",
            "Reason": "Überprüfung: “quoted”\t\\ 🚢",
            "Parameters": {"portNumber": ["80"], "localPortNumber": ["0", "1"], "empty": []},
        },
        TICKET,
    ),
    *KMS_CASES,
    *LOOKUP_CASES,
    *RECORDING_CASES,
    ("ssm", "ResumeSession", {"SessionId": SESSION}, TICKET),
    ("ssm", "TerminateSession", {"SessionId": SESSION}, {"SessionId": SESSION}),
    ("ssm", "GetConnectionStatus", {"Target": NODE}, {"Target": NODE, "Status": "notconnected"}),
    ("ssm", "DescribeSessions", {"State": "Active"}, {"Sessions": []}),
    (
        "ssm",
        "DescribeSessions",
        {
            "State": "History",
            "MaxResults": 200,
            "NextToken": "opaque+/=",
            "Filters": [
                {"key": "InvokedAfter", "value": "2018-08-29T00:00:00Z"},
                {"key": "Owner", "value": "arn:aws:iam::123456789012:user/alice"},
            ],
        },
        {
            "Sessions": [
                {
                    "SessionId": SESSION,
                    "Target": NODE,
                    "Status": "Terminated",
                    "StartDate": MOMENT,
                    "EndDate": SECOND,
                    "DocumentName": "SSM-SessionManagerRunShell",
                    "Owner": "arn:aws:iam::123456789012:user/alice",
                    "Reason": "naïve 🚢",
                    "Details": "Ended by its owner.",
                    "OutputUrl": {},
                    "MaxSessionDuration": "60",
                    "AccessType": "Standard",
                },
                {"SessionId": "b", "OutputUrl": {"S3OutputUrl": "https://s3/x", "CloudWatchOutputUrl": "https://cw"}},
            ],
            "NextToken": "more",
        },
    ),
    ("ssm", "CreateActivation", {"IamRole": "nodes"}, {"ActivationId": ACTIVATION, "ActivationCode": "c" * 20}),
    (
        "ssm",
        "CreateActivation",
        {
            "IamRole": "service-role/nodes",
            "Description": "",
            "DefaultInstanceName": "Größe 日本 1",
            "RegistrationLimit": 1000,
            "ExpirationDate": SECOND,
            "Tags": [{"Key": "a", "Value": ""}],
        },
        {"ActivationId": ACTIVATION, "ActivationCode": "c" * 20},
    ),
    ("ssm", "DescribeActivations", {}, {"ActivationList": []}),
    (
        "ssm",
        "DescribeActivations",
        {"Filters": [{"FilterKey": "IamRole", "FilterValues": ["nodes"]}], "MaxResults": 50, "NextToken": "n"},
        {
            "ActivationList": [
                {
                    "ActivationId": ACTIVATION,
                    "Description": "d",
                    "DefaultInstanceName": "n",
                    "IamRole": "nodes",
                    "RegistrationLimit": 10,
                    "RegistrationsCount": 3,
                    "ExpirationDate": MOMENT,
                    "Expired": False,
                    "CreatedDate": SECOND,
                    "Tags": [],
                }
            ],
            "NextToken": "more",
        },
    ),
    ("ssm", "DeleteActivation", {"ActivationId": ACTIVATION}, {}),
    ("ssm", "DescribeInstanceInformation", {}, {"InstanceInformationList": []}),
    (
        "ssm",
        "DescribeInstanceInformation",
        {
            "InstanceInformationFilterList": [{"key": "InstanceIds", "valueSet": [NODE]}],
            "Filters": [{"Key": "PingStatus", "Values": ["Online"]}],
            "MaxResults": 5,
            "NextToken": "n",
        },
        {
            "InstanceInformationList": [
                {
                    "InstanceId": NODE,
                    "PingStatus": "Online",
                    "LastPingDateTime": MOMENT,
                    "AgentVersion": "4.0.1.0",
                    "IsLatestVersion": True,
                    "PlatformType": "Linux",
                    "PlatformName": "Debian GNU/Linux",
                    "PlatformVersion": "12",
                    "ActivationId": ACTIVATION,
                    "IamRole": "nodes",
                    "RegistrationDate": SECOND,
                    "ResourceType": "ManagedInstance",
                    "Name": "node",
                    "IPAddress": "192.0.2.1",
                    "ComputerName": "node-1",
                    "AssociationOverview": {"InstanceAssociationStatusAggregatedCount": {"Success": 1}},
                }
            ],
            "NextToken": "more",
        },
    ),
    ("ssm", "DeregisterManagedInstance", {"InstanceId": NODE}, {}),
    (
        "ssm",
        "CreateDocument",
        {
            "Name": "Doc",
            "Content": '{"schemaVersion": "1.0"}',
            "DocumentType": "Session",
            "DocumentFormat": "JSON",
            "DisplayName": "a doc",
            "VersionName": "v.1",
            "TargetType": "/",
            "Requires": [{"Name": "Other", "Version": "$DEFAULT"}],
            "Attachments": [{"Key": "SourceUrl", "Values": ["u"], "Name": "n.x"}],
            "Tags": [{"Key": "k", "Value": ""}],
        },
        {"DocumentDescription": DESCRIPTION},
    ),
    (
        "ssm",
        "UpdateDocument",
        {"Name": "Doc", "Content": "x: 1", "DocumentFormat": "YAML", "DocumentVersion": "$LATEST"},
        {"DocumentDescription": DESCRIPTION},
    ),
    ("ssm", "DescribeDocument", {"Name": "Doc", "DocumentVersion": "2"}, {"Document": DESCRIPTION}),
    (
        "ssm",
        "DescribeDocumentPermission",
        {"Name": "Doc", "PermissionType": "Share"},
        {"AccountIds": [], "AccountSharingInfoList": []},
    ),
    (
        "ssm",
        "GetDocument",
        {"Name": "arn:aws:ssm:us-east-1:123456789012:document/Doc", "VersionName": "v.1", "DocumentFormat": "YAML"},
        {
            "Name": "Doc",
            "CreatedDate": MOMENT,
            "DocumentVersion": "1",
            "Status": "Active",
            "Content": "é: 🚢\n",
            "DocumentType": "Session",
            "DocumentFormat": "YAML",
        },
    ),
    (
        "ssm",
        "ListDocuments",
        {
            "DocumentFilterList": [{"key": "Name", "value": "AWS-"}],
            "Filters": [{"Key": "tag:k", "Values": ["v"]}],
            "MaxResults": 50,
            "NextToken": "n",
        },
        {
            "DocumentIdentifiers": [
                {"Name": "Doc", "CreatedDate": SECOND, "Owner": "Amazon", "PlatformTypes": ["Linux"], "Tags": []}
            ],
            "NextToken": "more",
        },
    ),
    (
        "ssm",
        "ListDocumentVersions",
        {"Name": "Doc", "MaxResults": 1},
        {"DocumentVersions": [{"Name": "Doc", "DocumentVersion": "1", "IsDefaultVersion": True}], "NextToken": "n"},
    ),
    (
        "ssm",
        "UpdateDocumentDefaultVersion",
        {"Name": "Doc", "DocumentVersion": "2"},
        {"Description": {"Name": "Doc", "DefaultVersion": "2", "DefaultVersionName": "v.2"}},
    ),
    ("ssm", "DeleteDocument", {"Name": "Doc", "DocumentVersion": "$LATEST", "Force": True}, {}),
    (
        "ssm",
        "AddTagsToResource",
        {"ResourceType": "ManagedInstance", "ResourceId": NODE, "Tags": [{"Key": "Größe", "Value": "a b"}]},
        {},
    ),
    (
        "ssm",
        "ListTagsForResource",
        {"ResourceType": "Document", "ResourceId": "Doc"},
        {"TagList": [{"Key": "k", "Value": ""}]},
    ),
    (
        "ssm",
        "RemoveTagsFromResource",
        {"ResourceType": "Document", "ResourceId": "Doc", "TagKeys": ["a", "b"]},
        {},
    ),
    (
        "ssm",
        "GetInventory",
        {
            "Filters": [{"Key": "AWS:InstanceInformation.InstanceStatus", "Values": ["Stopped"], "Type": "NotEqual"}],
            "ResultAttributes": [{"TypeName": "AWS:InstanceInformation"}],
            "NextToken": "n",
            "MaxResults": 50,
        },
        {
            "Entities": [
                {
                    "Id": NODE,
                    "Data": {
                        "AWS:InstanceInformation": {
                            "TypeName": "AWS:InstanceInformation",
                            "SchemaVersion": "1.0",
                            "CaptureTime": "2025-03-04T05:06:07Z",
                            "Content": [{"InstanceId": NODE, "ComputerName": "Größe"}],
                        }
                    },
                }
            ],
            "NextToken": "more",
        },
    ),
    (
        "tagging",
        "GetResources",
        {
            "PaginationToken": "",
            "TagFilters": [{"Key": "env", "Values": ["a", "b"]}, {"Key": "only"}],
            "ResourcesPerPage": 100,
            "ResourceTypeFilters": ["ec2:instance"],
        },
        {
            "PaginationToken": "",
            "ResourceTagMappingList": [
                {
                    "ResourceARN": f"arn:aws:ec2:us-east-1:123456789012:instance/{NODE}",
                    "Tags": [{"Key": "env", "Value": "ä <&>"}],
                }
            ],
        },
    ),
    (
        "ec2",
        "DescribeInstances",
        {
            "InstanceIds": [NODE, "i-0123456789abcdef0"],
            "DryRun": False,
            "Filters": [
                {"Name": "tag:Name", "Values": ["web-*", "ä & ö"]},
                {"Name": "instance-state-name", "Values": ["running"]},
            ],
            "NextToken": "opaque+/=",
            "MaxResults": 5,
        },
        {
            "Reservations": [
                {
                    "ReservationId": "r-0123456789abcdef0",
                    "OwnerId": "123456789012",
                    "Groups": [],
                    "Instances": [
                        {
                            "InstanceId": NODE,
                            "State": {"Code": 16, "Name": "running"},
                            "PrivateIpAddress": "192.0.2.1",
                            "PublicDnsName": "",
                            "LaunchTime": MOMENT,
                            "Placement": {"AvailabilityZone": "test-1a"},
                            "Tags": [{"Key": "Name", "Value": "“web” <1>"}],
                        }
                    ],
                }
            ],
            "NextToken": "more",
        },
    ),
    (
        "ec2-instance-connect",
        "SendSSHPublicKey",
        {
            "InstanceId": NODE,
            "InstanceOSUser": "alice",
            "SSHPublicKey": "ssh-ed25519 " + "A" * 68 + " a comment",
            "AvailabilityZone": "test-1a",
        },
        {"RequestId": "r", "Success": True},
    ),
    (
        "iam",
        "ListAccountAliases",
        {"Marker": "m", "MaxItems": 1},
        {"AccountAliases": ["an-alias"], "IsTruncated": False},
    ),
    (
        "sts",
        "GetCallerIdentity",
        {},
        {"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/a&b<c>", "UserId": "AIDAEXAMPLE"},
    ),
]
