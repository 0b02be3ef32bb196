"""The sizes of session tokens and source identities, through STS."""

import asyncio
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret
from tests.server.running import ACCOUNT

if TYPE_CHECKING:
    from tests.server.running import Server

TRUST = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Principal": {"AWS": ACCOUNT},
        "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"],
    },
}


async def test_session_token_has_the_requested_size_and_reports_it(server: "Server") -> None:
    iam, sts = server.client("iam"), server.client("sts")
    role = {"RoleName": "Ops", "AssumeRolePolicyDocument": json.dumps(TRUST)}
    arn = (await asyncio.to_thread(iam.create_role, **role))["Role"]["Arn"]
    for call, given in (
        (sts.get_session_token, {}),
        (sts.assume_role, {"RoleArn": arn, "RoleSessionName": "alice"}),
    ):
        sizes = []
        for minimum in ({}, {"MinimumSessionTokenSize": 0}, {"MinimumSessionTokenSize": 4096}):
            answer = await asyncio.to_thread(call, **given, **minimum)
            issued = answer["Credentials"]
            sizes.append(answer["SessionTokenSize"])
            assert answer["SessionTokenSize"] == len(issued["SessionToken"])
            assert 0 < answer["SessionTokenUtilization"] <= 100
            token = Secret(issued["SessionToken"])
            signing = Credentials(issued["AccessKeyId"], Secret(issued["SecretAccessKey"]), token)
            client = await asyncio.to_thread(server.client, "sts", signing)
            assert (await asyncio.to_thread(client.get_caller_identity))["Account"] == ACCOUNT
        assert sizes[0] == sizes[1] < 4096 <= sizes[2]


async def test_long_source_identities_and_members_of_later_releases_are_accepted(server: "Server") -> None:
    iam = server.client("iam")
    role = {"RoleName": "Ops", "AssumeRolePolicyDocument": json.dumps(TRUST)}
    arn = (await asyncio.to_thread(iam.create_role, **role))["Role"]["Arn"]

    async def assume(length: int) -> tuple[int, str]:
        fields = {
            "Action": "AssumeRole",
            "Version": "2011-06-15",
            "RoleArn": arn,
            "RoleSessionName": "alice",
            "SourceIdentity": "s" * length,
            "FerrymanNever.member.1.Name": "x",
        }
        body = urlencode(fields).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        headers = server.signed("POST", "/", "", body, headers, service="sts")
        async with server.http.post(server.url_of("/"), data=body, headers=headers) as answer:
            return answer.status, await answer.text()

    status, text = await assume(256)
    assert status == 200, text
    assert re.findall("<SourceIdentity>(s+)</SourceIdentity>", text) == ["s" * 256]
    status, text = await assume(257)
    assert (status, "length less than or equal to 256" in text) == (400, True)
