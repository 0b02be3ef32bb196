"""AssumeRoleWithWebIdentity over the wire: an issuer on loopback, fetched over HTTP, and boto3 without credentials."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from joserfc import jwt
from joserfc.jwk import ECKey

from ferryman.core.audit.identity import web_identity
from ferryman.core.service import Service
from ferryman.model.errors import Unfetchable
from ferryman.transport.fetch import LARGEST, Documents
from tests.boto_clients import boto_client
from tests.server.running import ACCOUNT, Recorded, Server

KEY = ECKey.generate_key("P-256", {"kid": "k"})


class Issuer:
    """An OpenID Connect provider's two documents, and some that it should not have."""

    url = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Issuer"]:
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self.discovery)
        app.router.add_get("/keys", self.keys)
        app.router.add_get("/moved", self.moved)
        app.router.add_get("/large", self.large)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def discovery(self, request: web.Request) -> web.Response:
        return web.json_response({"issuer": self.url, "jwks_uri": f"{self.url}/keys"})

    async def keys(self, request: web.Request) -> web.Response:
        return web.json_response({"keys": [KEY.as_dict(private=False)]})

    async def moved(self, request: web.Request) -> web.Response:
        raise web.HTTPFound("/keys")

    async def large(self, request: web.Request) -> web.Response:
        return web.Response(body=b" " * (LARGEST + 1))


@pytest.fixture
def recorded() -> Recorded:
    """The service of a server that fetches, and lets providers be on this machine."""

    def fetching(service: Service) -> Service:
        async def fetch(url: str) -> bytes:
            async with Documents(user_agent="ferryman-test") as made:
                return await made.fetch(url)

        return replace(service, settings=replace(service.settings, oidc_on_loopback=True), fetch=fetch)

    return fetching


async def test_identity_of_the_provider_assumes_a_role(server: Server) -> None:
    async with Issuer().running() as issuer:
        iam = await asyncio.to_thread(server.client, "iam")
        unsigned = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1})

        def prepare() -> tuple[str, Any]:
            arn = iam.create_open_id_connect_provider(Url=issuer.url, ClientIDList=["cli"])["OpenIDConnectProviderArn"]
            statement = {"Effect": "Allow", "Principal": {"Federated": arn}, "Action": "sts:AssumeRoleWithWebIdentity"}
            trust = json.dumps({"Statement": statement})
            role = iam.create_role(RoleName="People", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
            sts = boto_client("sts", server.url, "test-1", config=unsigned)
            server.clients.append(sts)
            return role, sts

        role, sts = await asyncio.to_thread(prepare)
        now = server.clock() // 1000
        claims = {"iss": issuer.url, "sub": "shirley@example.com", "aud": "cli", "iat": now, "exp": now + 60}

        def enter(**given: Any) -> dict[str, Any]:
            token = jwt.encode({"alg": "ES256", "kid": "k"}, claims | given, KEY)
            name = "shirley"
            return dict(sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName=name, WebIdentityToken=token))

        answer = await asyncio.to_thread(enter)
        assert web_identity(answer) == {
            "type": "WebIdentityUser",
            "principalId": f"{issuer.url}:cli:shirley@example.com",
            "userName": "shirley@example.com",
            "identityProvider": issuer.url,
        }
        assert web_identity({"Credentials": {}}) is None
        assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/People/shirley"
        assert (answer["SubjectFromWebIdentityToken"], answer["Provider"]) == ("shirley@example.com", issuer.url)
        assert answer["Audience"] == "cli"
        for given, code in (({"exp": now}, "ExpiredTokenException"), ({"aud": "other"}, "InvalidIdentityToken")):
            with pytest.raises(ClientError) as refused:
                await asyncio.to_thread(enter, **given)
            assert refused.value.response["Error"]["Code"] == code
            assert type(refused.value).__name__ in ("ExpiredTokenException", "InvalidIdentityTokenException")


async def test_what_is_not_fetched() -> None:
    async with Issuer().running() as issuer, Documents(user_agent="ferryman-test") as made:
        assert b"keys" in await made.fetch(f"{issuer.url}/keys")
        for path, said in (("/moved", "status 302"), ("/large", "more than"), ("/none", "status 404")):
            with pytest.raises(Unfetchable, match=said):
                await made.fetch(issuer.url + path)
    with pytest.raises(Unfetchable, match="cannot connect"):
        await made_after(issuer.url)


async def made_after(url: str) -> bytes:
    async with Documents(user_agent="ferryman-test") as made:
        return await made.fetch(f"{url}/keys")
