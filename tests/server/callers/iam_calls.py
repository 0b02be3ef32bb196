"""What tests of the IAM operations share."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret

DOCUMENT = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ssm:DescribeSessions", "Resource": "*"}]}
)
BUILT_IN = "arn:aws:iam::aws:policy/FerrymanOperator"

Iam = Callable[..., Any]


async def refused(iam: Iam, operation: str, client: Any = None, **parameters: Any) -> tuple[str, int, str]:
    with pytest.raises(ClientError) as error:
        await iam(operation, client, **parameters)
    answer = error.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]


def credentials(key: dict[str, Any]) -> Credentials:
    return Credentials(key["AccessKeyId"], Secret(key["SecretAccessKey"]))
