"""An OpenID Connect issuer and people whose tokens it signs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from ferryman.core.iam import roles
from ferryman.core.identity import callers
from ferryman.core.identity.assume_role import SessionRequest
from ferryman.core.identity.web_identity import WebIdentitySession, assume_role_with_web_identity
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError, Unfetchable
from ferryman.model.identity.callers import Caller, Origin

if TYPE_CHECKING:
    from tests.unit.core.conftest import World

ISSUER = "https://id.example.com/realm"
NAME = "id.example.com/realm"
PROVIDER = f"arn:aws:iam::123456789012:oidc-provider/{NAME}"
ROLE = "arn:aws:iam::123456789012:role/People"
OPERATOR = "arn:aws:iam::aws:policy/FerrymanOperator"
Key = RSAKey | ECKey | OKPKey
KEYS: dict[str, Key] = {
    "rsa": RSAKey.generate_key(2048, {"kid": "rsa"}),
    "next": ECKey.generate_key("P-256", {"kid": "next"}),
    "ec": ECKey.generate_key("P-256", {"kid": "ec"}),
    "ed": OKPKey.generate_key("Ed25519", {"kid": "ed"}),
}
FOREIGN = ECKey.generate_key("P-256", {"kid": "ec"})
KEYS_URL = f"{ISSUER}/keys"
DISCOVERY_URL = f"{ISSUER}/.well-known/openid-configuration"


@dataclass
class Issuer:
    """What the provider publishes, and who asked for it."""

    published: list[Mapping[str, Any]] = field(default_factory=list)
    discovery: dict[str, Any] = field(default_factory=lambda: {"issuer": ISSUER, "jwks_uri": KEYS_URL})
    fetched: list[str] = field(default_factory=list)
    down: bool = False

    async def fetch(self, url: str) -> bytes:
        self.fetched.append(url)
        if self.down:
            raise Unfetchable("it does not answer")
        return json.dumps({DISCOVERY_URL: self.discovery, KEYS_URL: {"keys": self.published}}[url]).encode()


@dataclass
class People:
    """A world with a provider, and a role for its people."""

    world: "World"
    service: Service
    issuer: Issuer

    def claims(self, **given: Any) -> dict[str, Any]:
        now = self.world.clock() // 1000
        claims = {"iss": ISSUER, "sub": "shirley", "aud": "ferryman", "iat": now, "exp": now + 600, **given}
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, key: str = "rsa", algorithm: str = "RS256", /, **claims: Any) -> str:
        signer = KEYS[key]
        return jwt.encode({"alg": algorithm, "kid": key}, self.claims(**claims), signer, algorithms=[algorithm])

    async def enter(self, token: str, **members: Any) -> WebIdentitySession:
        request = SessionRequest(**{"role_arn": ROLE, "name": "shirley", **members})
        return await assume_role_with_web_identity(self.service, Origin("192.0.2.7"), token, request)

    async def known(self, token: str, **members: Any) -> Caller:
        credentials = (await self.enter(token, **members)).session.issued.credentials
        assert credentials.session_token is not None
        session_token = credentials.session_token.reveal()
        return (await callers.authenticate(self.service, credentials.access_key_id, session_token)).caller

    async def refusal(self, token: str, **members: Any) -> str:
        with pytest.raises(ServiceError) as refused:
            await self.enter(token, **members)
        return refused.value.code

    async def trust(self, *actions: str, **condition: Any) -> None:
        statement: dict[str, Any] = {"Effect": "Allow", "Principal": {"Federated": PROVIDER}}
        statement |= {"Action": ["sts:AssumeRoleWithWebIdentity", *actions]}
        statement |= {"Condition": condition} if condition else {}
        text = json.dumps({"Version": "2012-10-17", "Statement": statement})
        await roles.update_assume_role_policy(self.service, self.world.administrator, "People", text)


TRUST = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Principal": {"Federated": PROVIDER}, "Action": "sts:AssumeRoleWithWebIdentity"},
}
