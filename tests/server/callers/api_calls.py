"""Calls that several tests of the API make."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.server.running import Server

JSON = "application/x-amz-json-1.1"
LIST_ACTIVE = b'{"State":"Active"}'
DESCRIBE = "AmazonSSM.DescribeSessions"


def signed_describe(server: Server, body: bytes = LIST_ACTIVE, **changes: Any) -> dict[str, str]:
    """Headers of a signed DescribeSessions."""
    headers = {"Content-Type": JSON, "X-Amz-Target": DESCRIBE}
    return server.signed("POST", "/", "", body, headers, **changes)


async def refusal(server: Server, operation: str, **parameters: Any) -> tuple[str, str, int]:
    """Code, message and status of a call that boto3 sees refused."""
    with pytest.raises(ClientError) as caught:
        await server.call(operation, **parameters)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["Error"]["Message"], answer["ResponseMetadata"]["HTTPStatusCode"]
