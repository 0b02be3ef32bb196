"""`ferryman user`: users that IAM's API made are listed as they are."""

import asyncio
import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from ferryman.bootstrap.configuration import load
from ferryman.bootstrap.service import open_service
from ferryman.cli.app import app
from ferryman.cli.operate.init import ServerPlan, initialise
from ferryman.core.iam.operator import create_access_key
from ferryman.model.identifiers import Millis
from ferryman.model.identity.users import LastKeyUse, User


def test_paths_and_last_uses_are_reported(tmp_path: Path) -> None:
    config = initialise(ServerPlan(tmp_path)).configuration

    async def fill() -> list[str]:
        async with open_service(load(config)) as service:
            await service.store.identities.add_user(User("AIDA1", "alice", Millis(1), "/ops/"))
            made = [(await create_access_key(service, "alice")).access_key_id for _ in range(2)]
            await service.store.identities.note_key_uses({made[0]: LastKeyUse(Millis(1_700_000_000_000), "ssm", "x")})
            return made

    def told(*arguments: str) -> Any:
        done = CliRunner().invoke(app, ["user", *arguments, "--json", "--config", str(config)], catch_exceptions=False)
        return json.loads(done.stdout)

    used, unused = asyncio.run(fill())
    arns = {user["name"]: user["arn"] for user in told("list")}
    assert arns["alice"].endswith(":user/ops/alice")
    uses = {key["access_key_id"]: key["last_used"] for key in told("key", "list", "alice")}
    assert uses == {used: "2023-11-14T22:13Z", unused: None}
