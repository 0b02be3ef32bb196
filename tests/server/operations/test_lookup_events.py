"""CloudTrail's LookupEvents, with botocore, on a server that records."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from ferryman.audit.files import TrailFiles
from ferryman.audit.lookup import TrailLookup
from ferryman.audit.writer import TrailWriter
from ferryman.core.audit.chain import chain_key
from ferryman.core.audit.records import trail_event
from ferryman.core.iam.operator import create_access_key, create_user
from ferryman.core.ports.recordings.outputs import Unencrypted
from ferryman.core.record_budget import RecordBudget
from ferryman.core.service import Service
from ferryman.model.identity.credentials import Credentials
from ferryman.model.session_outputs import SessionOutputs
from tests.server.callers.own_calls import call
from tests.server.running import Paired, Recorded, Server

ONCE = Config(retries={"total_max_attempts": 1})


@pytest.fixture
async def recorded(tmp_path: Path) -> AsyncIterator[Recorded]:
    """Give the server a trail, and what searches it."""
    opened: list[TrailWriter] = []

    def record(service: Service) -> Service:
        files = TrailFiles(tmp_path / "audit", 1 << 24)
        opened.append(TrailWriter(files, chain_key(service.vault), partial(trail_event, service)))
        return replace(
            service,
            trail=opened[0],
            recorded_events=TrailLookup(tmp_path / "audit", lambda: [chain_key(service.vault)]),
        )

    yield record
    await opened[0].close()


class Auditor:
    """Looks events up, as the administrator or as somebody else."""

    def __init__(self, server: Server, credentials: Credentials | None = None) -> None:
        self.server = server
        if not server.clients:
            server.client()  # whose operations `Server.call` calls
        self.client = server.client("cloudtrail", credentials, config=ONCE)

    async def look(self, key: str | None = None, value: str = "", **parameters: Any) -> list[dict[str, Any]]:
        """All events that match, with as many pages as there are."""
        if key is not None:
            parameters["LookupAttributes"] = [{"AttributeKey": key, "AttributeValue": value}]
        await self.server.service.trail.keep({"eventTime": "0", "mark": True})
        events: list[dict[str, Any]] = []
        while True:
            vars(self.server.service.records).update(vars(RecordBudget()))  # of what each second allows
            page = await asyncio.to_thread(partial(self.client.lookup_events, **parameters))
            events += [each for each in page["Events"] if "EventName" in each]
            if "NextToken" not in page:
                return events
            parameters["NextToken"] = page["NextToken"]


@pytest.fixture
def auditor(server: Server) -> Auditor:
    return Auditor(server)


@pytest.fixture
async def paired(server: Server) -> Paired:
    return await server.paired()


async def test_a_call_is_found_by_each_attribute(auditor: Auditor, paired: Paired) -> None:
    [event] = await auditor.look("EventName", "StartSession")
    record = json.loads(event["CloudTrailEvent"])
    assert (record["eventName"], record["eventID"]) == ("StartSession", event["EventId"])
    assert record["requestParameters"]["target"] == paired.node.node_id
    assert event["EventTime"] == datetime.fromisoformat(record["eventTime"])
    assert (event["Username"], event["ReadOnly"], event["EventSource"]) == ("root", "false", "ssm.amazonaws.com")
    assert {"ResourceType": "AWS::SSM::Session", "ResourceName": paired.session_id} in event["Resources"]
    for key, value in {
        "EventId": event["EventId"],
        "Username": "root",
        "AccessKeyId": event["AccessKeyId"],
        "ResourceName": paired.session_id,
        "ResourceType": "AWS::SSM::ManagedInstance",
        "ReadOnly": "false",
        "EventSource": "ssm.amazonaws.com",
    }.items():
        assert event in await auditor.look(key, value), key
        assert event not in await auditor.look(key, "true" if key == "ReadOnly" else "another")


async def test_a_change_of_a_session_is_an_event_of_the_service(auditor: Auditor, paired: Paired) -> None:
    found = await auditor.look("ResourceName", paired.session_id)
    changes = [json.loads(each["CloudTrailEvent"]) for each in found if "State-change" in each["EventName"]]
    statuses = [each["serviceEventDetails"].get("status") for each in changes]
    assert [each for each in statuses if each] == ["Connected", "Connecting"]
    assert {each["eventType"] for each in changes} == {"AwsServiceEvent"}
    assert {each["eventSource"] for each in changes} == {"ssm.amazonaws.com"}


async def test_pages_have_every_event_newest_first(auditor: Auditor, server: Server) -> None:
    for _ in range(7):
        await server.call("describe_sessions", State="Active")
    whole = await auditor.look()
    times = [each["EventTime"] for each in whole]
    assert times == sorted(times, reverse=True)
    in_pages = await auditor.look("EventName", "DescribeSessions", MaxResults=2)
    assert len(in_pages) == 7
    assert in_pages == [each for each in whole if each["EventName"] == "DescribeSessions"]


async def test_times_bound_the_search(auditor: Auditor, server: Server) -> None:
    await server.call("describe_sessions", State="Active")
    now = datetime.now(UTC)
    assert await auditor.look("EventName", "DescribeSessions", StartTime=now - timedelta(hours=1))
    assert not await auditor.look("EventName", "DescribeSessions", StartTime=now + timedelta(hours=1))
    assert not await auditor.look("EventName", "DescribeSessions", EndTime=now - timedelta(hours=1))


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"StartTime": datetime(2026, 2, 1), "EndTime": datetime(2026, 1, 1)}, "InvalidTimeRangeException"),  # noqa: DTZ001
        ({"NextToken": "made up"}, "InvalidNextTokenException"),
        ({"EventCategory": "insight"}, "InvalidEventCategoryException"),
        (
            {"LookupAttributes": [{"AttributeKey": "ReadOnly", "AttributeValue": "maybe"}]},
            "InvalidLookupAttributesException",
        ),
        (
            {"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "a"}] * 2},
            "InvalidLookupAttributesException",
        ),
    ],
)
async def test_bad_input_is_refused(auditor: Auditor, parameters: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as refused:
        await asyncio.to_thread(partial(auditor.client.lookup_events, **parameters))
    assert refused.value.response["Error"]["Code"] == code


async def test_more_than_two_calls_a_second_are_throttled(auditor: Auditor) -> None:
    codes = []
    for _ in range(5):
        try:
            await asyncio.to_thread(auditor.client.lookup_events)
        except ClientError as error:
            codes.append(error.response["Error"]["Code"])
    assert codes
    assert set(codes) == {"ThrottlingException"}


async def test_a_policy_for_auditors_is_enough_and_needed(server: Server) -> None:
    alice = await create_user(server.service, "alice")
    key = await create_access_key(server.service, "alice")
    auditor = Auditor(server, key)
    with pytest.raises(ClientError, match="cloudtrail:LookupEvents"):
        await auditor.look()
    statement = {"Effect": "Allow", "Action": "cloudtrail:LookupEvents", "Resource": "*"}
    await asyncio.to_thread(
        partial(
            server.client("iam").put_user_policy,
            UserName=alice.name,
            PolicyName="audit",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        )
    )
    refused = await auditor.look("EventName", "LookupEvents")
    assert json.loads(refused[0]["CloudTrailEvent"])["errorCode"] == "AccessDeniedException"


async def test_status_of_the_trail_verifies_its_newest_records(
    server: Server, auditor: Auditor, tmp_path: Path
) -> None:
    await server.call("describe_sessions", State="Active")
    found = await call(server, "GetAuditTrailStatus")
    assert (found["Writing"], found["Intact"]) == (True, True)
    assert found["FirstRecord"] == 1
    assert found["LastRecord"] == found["CheckedRecords"] > 0
    assert found["LastRecordDate"] > 0
    (path,) = (tmp_path / "audit").glob("*.jsonl")
    path.write_bytes(b'{"altered":1,' + path.read_bytes()[1:])
    altered = await call(server, "GetAuditTrailStatus")
    assert altered["Intact"] is False
    assert "it was altered" in altered["Problem"]


async def test_log_destinations_that_the_server_cannot_reach_are_named(server: Server, auditor: Auditor) -> None:
    asked: dict[str, Any] = {"S3BucketName": "example-logs", "CloudWatchLogGroupName": "/sessions"}
    found = (await call(server, "CheckSessionLogDestinations", **asked))["Destinations"]
    assert [(each["Destination"], each["Usable"]) for each in found] == [
        ("the bucket example-logs", False),
        ("the log group /sessions", False),
    ]
    assert "[outputs.s3]" in found[0]["Problem"]
    assert "[outputs.cloudwatch]" in found[1]["Problem"]


async def test_log_destination_need_be_encrypted_only_if_it_is_asked_for(server: Server, auditor: Auditor) -> None:
    class Plain:
        async def check(self, outputs: SessionOutputs, person: str) -> None:
            assert outputs.s3 is not None
            if outputs.s3.encrypted:
                raise Unencrypted("not encrypted")

    object.__setattr__(server.service, "outputs", Plain())
    for needed in (False, True):
        asked: dict[str, Any] = {"S3BucketName": "example-logs", "S3EncryptionEnabled": needed}
        (found,) = (await call(server, "CheckSessionLogDestinations", **asked))["Destinations"]
        assert found["Usable"] is not needed
