"""The limits of one policy simulation, through boto3."""

import asyncio
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ferryman.core import simulation
from ferryman.server.operations.iam import simulation as iam_simulation_operations
from ferryman.server.operations.iam.simulation import STATEMENTS_LIMIT
from tests.server.running import Server

Simulate = Callable[..., Any]


@pytest.fixture
async def simulate(server: Server) -> Simulate:
    client = await asyncio.to_thread(server.client, "iam")

    async def call(**parameters: Any) -> Any:
        return await asyncio.to_thread(partial(client.simulate_custom_policy, **parameters))

    return call


async def refused(simulate: Simulate, **parameters: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        await simulate(**parameters)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def policies(count: int, values: int) -> dict[str, Any]:
    """`count` policies of 500 patterns, none of which matches any of so many values."""
    condition = {"ForAnyValue:StringLike": {"aws:TagKeys": [f"*{place}?x*" for place in range(500)]}}
    statement = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition}
    text = json.dumps({"Version": "2012-10-17", "Statement": statement}, separators=(",", ":"))
    entry = {"ContextKeyName": "aws:TagKeys", "ContextKeyType": "stringList", "ContextKeyValues": ["a" * 8] * values}
    return {"PolicyInputList": [text] * count, "ContextEntries": [entry], "ActionNames": ["ssm:StartSession"]}


async def test_policies_patterns_and_values_together_are_bounded(server: Server, simulate: Simulate) -> None:
    """50 policies of 730 patterns and 900 values held up everybody for 8 seconds."""
    code, message = await refused(simulate, **policies(50, 900))
    assert code == "InvalidInput", message
    assert "Simulating ssm:StartSession takes more than" in message
    server.clock.advance(5)  # whoever sent much for nothing waits
    found = await simulate(**policies(1, 2))
    assert [each["EvalDecision"] for each in found["EvaluationResults"]] == ["implicitDeny"]


async def test_the_work_of_a_page_is_bounded(simulate: Simulate) -> None:
    given = policies(1, 2) | {"ActionNames": [f"ssm:Get{place}" for place in range(900)], "MaxItems": 900}
    code, message = await refused(simulate, **given)
    assert code == "InvalidInput", message
    assert "or set MaxItems" in message
    assert len((await simulate(**given | {"MaxItems": 10}))["EvaluationResults"]) == 10


async def test_pages_of_large_policies_have_fewer_results(simulate: Simulate) -> None:
    """Each of 1,000 results would name each of 5,000 statements."""
    text = json.dumps({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}] * 90})
    given: dict[str, Any] = {"PolicyInputList": [text] * 5, "ActionNames": [f"ssm:Get{place}" for place in range(9)]}
    results: list[Any] = []
    pages = 0
    marker: dict[str, Any] = {}
    while pages == 0 or marker:
        page = await simulate(**given, **marker)
        assert sum(len(each["MatchedStatements"]) for each in page["EvaluationResults"]) <= STATEMENTS_LIMIT
        results += page["EvaluationResults"]
        pages += 1
        marker = {"Marker": page["Marker"]} if page["IsTruncated"] else {}
    assert [each["EvalActionName"] for each in results] == given["ActionNames"]
    assert pages == 5


async def test_simulations_are_made_one_at_a_time(simulate: Simulate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many at once each would have its turn between two turns of everybody else."""
    under_way: list[str] = []

    async def watched(service: Any, of: Any, action: str, *further: Any) -> Any:
        under_way.append(action[:5])
        await asyncio.sleep(0)
        assert len(set(under_way)) == 1
        found = await simulation.simulate(service, of, action, *further)
        under_way.pop()
        return found

    monkeypatch.setattr(iam_simulation_operations, "simulate", watched)
    given = policies(1, 1)
    asked = [given | {"ActionNames": [f"ssm:{user}{place}" for place in range(20)]} for user in "abcd"]
    for answer in await asyncio.gather(*(simulate(**each) for each in asked)):
        assert len(answer["EvaluationResults"]) == 20
