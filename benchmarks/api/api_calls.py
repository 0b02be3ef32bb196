"""Processor time that one API call costs the server, audit trail and log included.

A user with an inline policy, a group's and an attached one calls, each time on a new connection, as the AWS CLI does.
The processor time is the server's, so what else the machine does counts little.
"""

import tempfile
from pathlib import Path

import botocore.session
import psutil

from benchmarks.measurement import Bar, Measurement
from benchmarks.peers.raw_peers import SignedCall
from benchmarks.peers.tcp_splice import processor_seconds
from benchmarks.sessions.echo import Ferryman, demo
from benchmarks.sessions.under_attack import port_of
from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret

WARM_UP = 50
CALLS = 400
POLICY = """{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Action": ["ssm:Describe*", "ssm:GetConnectionStatus"], "Resource": "*"},
  {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}}]}"""


def run() -> list[Measurement]:
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-") as directory, demo(Path(directory)) as ferryman:
        caller = caller_with_policies(ferryman)
        server = psutil.Process(ferryman.facts["pids"]["server"])
        calls = {
            "GetConnectionStatus": {"Target": ferryman.facts["node_id"]},
            "DescribeSessions": {"State": "History"},
            "DescribeInstanceInformation": {},
            "StartSession (denied)": {"Target": ferryman.facts["node_id"]},
        }
        found = []
        for name, members in calls.items():
            call = SignedCall(port_of(ferryman), caller, name.split()[0], members, ferryman.facts["region"])
            expected = 400 if "denied" in name else 200
            for _ in range(WARM_UP):
                assert call.send()[0] == expected
            used = processor_seconds(server)
            for _ in range(CALLS):
                call.send()
            each = (processor_seconds(server) - used) / CALLS * 1000
            found.append(Measurement(f"server's CPU a call, {name}", each, "ms", bar=Bar("value", at_most=4)))
        return found


def caller_with_policies(ferryman: Ferryman) -> Credentials:
    iam = botocore.session.Session().create_client(
        "iam",
        endpoint_url=ferryman.facts["endpoint_url"],
        region_name=ferryman.facts["region"],
        aws_access_key_id=ferryman.facts["access_key_id"],
        aws_secret_access_key=ferryman.facts["secret_access_key"],
    )
    iam.create_user(UserName="reader", Tags=[{"Key": "team", "Value": "web"}])
    iam.create_group(GroupName="readers")
    iam.add_user_to_group(UserName="reader", GroupName="readers")
    iam.put_user_policy(UserName="reader", PolicyName="own", PolicyDocument=POLICY)
    iam.put_group_policy(GroupName="readers", PolicyName="shared", PolicyDocument=POLICY)
    arn = iam.create_policy(PolicyName="managed", PolicyDocument=POLICY)["Policy"]["Arn"]
    iam.attach_user_policy(UserName="reader", PolicyArn=arn)
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    return Credentials(key["AccessKeyId"], Secret(key["SecretAccessKey"]))
