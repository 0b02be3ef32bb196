"""AssumeRoleWithWebIdentity, against an issuer that signs whatever a test wants and counts what is fetched from it."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from ferryman.core.audit.identity import user_identity
from ferryman.core.authorization.request_context import context_of
from ferryman.core.iam import attached_policies as held_policies
from ferryman.core.iam import oidc_providers, roles
from ferryman.core.iam.attached_policies import Holder, HolderKind
from ferryman.core.iam.roles import RoleDraft
from ferryman.core.identity import callers
from ferryman.core.identity.assume_role import SessionRequest, assume_role
from ferryman.core.identity.web_identity import WebIdentitySession, assume_role_with_web_identity
from ferryman.core.provider_keys import LIFE, PAUSE
from ferryman.core.service import Service
from ferryman.core.sessions import actions as sessions
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


@pytest.fixture
async def people(world: "World") -> People:
    issuer = Issuer([KEYS["rsa"].as_dict(private=False), KEYS["ec"].as_dict(private=False)])
    service, root = replace(world.service, fetch=issuer.fetch), world.administrator
    await oidc_providers.create_oidc_provider(service, root, ISSUER, ["ferryman", "other"], [], {})
    await roles.create_role(service, root, RoleDraft("People", json.dumps(TRUST)), {})
    await held_policies.attach_policy(service, root, Holder(HolderKind.ROLE, "People"), OPERATOR)
    return People(world, service, issuer)


async def test_a_token_of_the_provider_makes_a_session(people: People) -> None:
    made = await people.enter(people.token())
    assert (made.subject, made.issuer, made.audience) == ("shirley", ISSUER, "ferryman")
    assert made.session.arn == "arn:aws:sts::123456789012:assumed-role/People/shirley"
    caller = await people.known(people.token())
    assert caller.role_arn == ROLE
    assert context_of(people.service, caller).get("aws:federatedprovider") == (PROVIDER,)
    federation = user_identity(caller, None)["sessionContext"]["webIdFederationData"]
    assert federation == {"federatedProvider": PROVIDER, "subject": "shirley"}
    await people.enter(people.token("ec", "ES256"))
    people.issuer.published = [KEYS["ed"].as_dict(private=False)]
    people.world.clock.advance(seconds=LIFE)
    await people.enter(people.token("ed", "Ed25519"))


STS_ISSUER = "https://0123456789abcdef.tokens.sts.global.api.aws"


@pytest.mark.parametrize(("key", "algorithm"), [("rsa", "RS256"), ("p384", "ES384")])
async def test_tokens_of_aws_s_own_sts_are_those_of_a_registered_issuer(
    people: People, key: str, algorithm: str
) -> None:
    keys: dict[str, Key] = {"rsa": KEYS["rsa"], "p384": ECKey.generate_key("P-384", {"kid": "EC384_0"})}
    jwks_uri = f"{STS_ISSUER}/.well-known/jwks.json"
    published = {"keys": [each.as_dict(private=False) | {"use": "sig"} for each in keys.values()]}
    discovery = {
        "issuer": STS_ISSUER,
        "jwks_uri": jwks_uri,
        "id_token_signing_alg_values_supported": ["RS256", "ES384"],
    }

    async def fetch(url: str) -> bytes:
        return json.dumps(
            {f"{STS_ISSUER}/.well-known/openid-configuration": discovery, jwks_uri: published}[url]
        ).encode()

    service, root = replace(people.service, fetch=fetch), people.world.administrator
    await oidc_providers.create_oidc_provider(service, root, STS_ISSUER, ["https://ferryman.example"], [], {})
    arn = f"arn:aws:iam::123456789012:oidc-provider/{STS_ISSUER.partition('://')[2]}"
    subject = "arn:aws:iam::111122223333:role/Deploy"
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": arn},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{STS_ISSUER.partition('://')[2]}:sub": subject}},
    }
    text = json.dumps({"Version": "2012-10-17", "Statement": statement})
    await roles.update_assume_role_policy(service, root, "People", text)
    now = people.world.clock() // 1000
    claims = {
        "iss": STS_ISSUER,
        "sub": subject,
        "aud": "https://ferryman.example",
        "iat": now,
        "exp": now + 300,
        "jti": "01234567-89ab-cdef-0123-456789abcdef",
        "https://sts.amazonaws.com/": {
            "aws_account": "111122223333",
            "source_region": "eu-west-1",
            "principal_tags": {"team": "web"},
            "request_tags": {"job": "nightly"},
        },
    }
    header = {"alg": algorithm, "kid": keys[key].kid, "typ": "JWT"}
    token = jwt.encode(header, claims, keys[key], algorithms=[algorithm])
    made = await assume_role_with_web_identity(service, Origin("192.0.2.7"), token, SessionRequest(ROLE, "deploy"))
    assert (made.subject, made.issuer, made.audience) == (subject, STS_ISSUER, "https://ferryman.example")
    forged = jwt.encode(
        header, claims | {"sub": "arn:aws:iam::111122223333:role/Other"}, keys[key], algorithms=[algorithm]
    )
    with pytest.raises(ServiceError) as refused:
        await assume_role_with_web_identity(service, Origin("192.0.2.7"), forged, SessionRequest(ROLE, "deploy"))
    assert refused.value.code == "AccessDeniedException"


async def test_tokens_that_nobody_signed_or_someone_else(people: People) -> None:
    good = people.token()
    header, payload, signature = good.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","kid":"rsa"}').decode().rstrip("=")
    confused = jwt.encode(
        {"alg": "HS256", "kid": "rsa"}, people.claims(), OctKey.import_key(str(KEYS["rsa"].as_dict(private=False)["n"]))
    )
    forged = jwt.encode({"alg": "ES256", "kid": "ec"}, people.claims(), FOREIGN)
    other_kind = jwt.encode({"alg": "RS256", "kid": "ec"}, people.claims(), KEYS["rsa"])
    other = base64.urlsafe_b64encode(json.dumps(people.claims(sub="root")).encode()).decode().rstrip("=")
    bad = [
        f"{none}.{payload}.",
        f"{none}.{payload}.{signature}",
        confused,
        forged,
        other_kind,
        f"{header}.{other}.{signature}",
        f"{header}.{payload}.",
        f"{header}.{payload}",
        f"{header}.{payload}.{signature}.",
        "a.b.c",
        "....",
        f"{header}.W10.{signature}",
        "é.é.é",
    ]
    for token in bad:
        assert await people.refusal(token) == "InvalidIdentityToken", token
    await people.enter(good)


async def test_tokens_of_elsewhere_lead_nowhere(people: People) -> None:
    """Only what a registered provider names is fetched: the issuer in a token is not a way to make us call it."""
    for issuer in (
        "https://evil.example",
        f"{ISSUER}/x",
        f"{ISSUER}//",
        ISSUER.replace("https", "http"),
        NAME,
        "",
        7,
        None,
        ["x"],
    ):
        assert await people.refusal(people.token(iss=issuer)) == "InvalidIdentityToken"
    assert people.issuer.fetched == []
    await people.enter(people.token())
    assert people.issuer.fetched == [DISCOVERY_URL, KEYS_URL]


async def test_when_a_token_is_good(people: People) -> None:
    now = people.world.clock() // 1000
    for expires in (now, now - 1, -1):
        assert await people.refusal(people.token(exp=expires)) == "ExpiredTokenException"
    for claims in (
        {"exp": float("inf")},
        {"exp": float("nan")},
        {"iat": now + 61},
        {"nbf": now + 61},
        {"exp": None},
        {"iat": None},
        {"exp": "soon"},
        {"nbf": "x"},
    ):
        assert await people.refusal(people.token(**claims)) == "InvalidIdentityToken"
    await people.enter(people.token(iat=now + 60, nbf=now + 60))


async def test_for_whom_a_token_is(people: People) -> None:
    for claims in ({"aud": "stranger"}, {"aud": None}, {"aud": ["stranger"]}, {"aud": 7}, {"azp": "stranger"}):
        assert await people.refusal(people.token(**claims)) == "InvalidIdentityToken"
    assert (await people.enter(people.token(aud=["stranger", "other"], azp="other"))).audience == "other"
    await oidc_providers.remove_client_id(people.service, people.world.administrator, PROVIDER, "ferryman")
    assert await people.refusal(people.token()) == "InvalidIdentityToken"
    for subject in (None, "", 7, "x" * 256, "a\nb"):
        assert await people.refusal(people.token(aud="other", sub=subject)) == "InvalidIdentityToken"
    await oidc_providers.delete_oidc_provider(people.service, people.world.administrator, PROVIDER)
    assert await people.refusal(people.token(aud="other")) == "InvalidIdentityToken"


async def test_keys_rotate_and_nobody_can_make_us_hammer_the_provider(people: People) -> None:
    await people.enter(people.token())
    people.issuer.fetched.clear()
    people.issuer.published = [KEYS["next"].as_dict(private=False)]
    for _ in range(3):
        assert await people.refusal(people.token("next", "ES256")) == "InvalidIdentityToken"
    await people.enter(people.token())
    assert people.issuer.fetched == []
    people.world.clock.advance(seconds=PAUSE)
    await people.enter(people.token("next", "ES256"))
    assert await people.refusal(people.token()) == "InvalidIdentityToken"
    assert people.issuer.fetched == [DISCOVERY_URL, KEYS_URL]


async def test_a_withdrawn_key_is_good_for_minutes_only(people: People) -> None:
    await people.enter(people.token())
    people.issuer.published = [KEYS["next"].as_dict(private=False)]
    people.world.clock.advance(seconds=LIFE)
    assert await people.refusal(people.token()) == "InvalidIdentityToken"


async def test_a_provider_that_cannot_be_asked(people: People) -> None:
    people.issuer.down = True
    for _ in range(3):
        assert await people.refusal(people.token()) == "IDPCommunicationError"
    assert people.issuer.fetched == [DISCOVERY_URL]
    people.issuer.down = False
    people.world.clock.advance(seconds=PAUSE)
    await people.enter(people.token())
    people.issuer.down = True
    people.world.clock.advance(seconds=LIFE)
    assert await people.refusal(people.token()) == "IDPCommunicationError"


@pytest.mark.parametrize(
    "discovery",
    [
        {"issuer": "https://evil.example", "jwks_uri": KEYS_URL},
        {"issuer": ISSUER},
        {"issuer": ISSUER, "jwks_uri": "http://169.254.169.254/keys"},
        {"issuer": ISSUER, "jwks_uri": "file:///etc/passwd"},
    ],
)
async def test_discovery_documents_that_are_not_followed(people: People, discovery: dict[str, Any]) -> None:
    people.issuer.discovery = discovery
    assert await people.refusal(people.token()) == "IDPCommunicationError"
    assert people.issuer.fetched == [DISCOVERY_URL]


async def test_keys_that_are_none(people: People) -> None:
    public: dict[str, Any] = {**KEYS["rsa"].as_dict(private=False)}
    long = "w" * 342
    bad: list[list[Mapping[str, Any]]] = [
        [{"kid": "rsa", "kty": "RSA"}],
        [{"kid": "rsa", "kty": "RSA", "n": long, "e": "!"}],
        [{"kid": "rsa", "kty": "RSA", "n": long[:171], "e": "AQAB"}],
        [{"kid": "rsa", "kty": "oct", "k": "eHh4"}],
        [{**public, "use": "enc"}],
        [public, public],
    ]
    for published in bad:
        people.issuer.published = published
        people.world.clock.advance(seconds=LIFE)
        assert await people.refusal(people.token()) == "InvalidIdentityToken"
    people.issuer.published = [public]
    people.world.clock.advance(seconds=LIFE)
    await people.enter(people.token())


async def test_a_trust_policy_asks_for_claims(people: People) -> None:
    await people.trust(
        StringEquals={f"{NAME}:aud": "ferryman", "sts:RoleSessionName": f"${{{NAME}:sub}}"},
        StringLike={f"{NAME}:email": "*@example.com"},
        **{"ForAnyValue:StringEquals": {f"{NAME}:groups": "ops", f"{NAME}:amr": "mfa"}},
        IpAddress={"aws:SourceIp": "192.0.2.0/24"},
    )
    good: dict[str, Any] = {"email": "shirley@example.com", "groups": ["all", "ops"], "amr": ["pwd", "mfa"]}
    await people.enter(people.token(**good))
    assert await people.refusal(people.token(**good), name="root") == "AccessDeniedException"
    for name, value in (("email", "shirley@evil.example"), ("groups", ["all"]), ("amr", None), ("aud", "other")):
        assert await people.refusal(people.token(**{**good, name: value})) == "AccessDeniedException"
    assert await people.refusal(people.token(**good), role_arn=ROLE + "s") == "AccessDeniedException"
    shadowing = {**good, "email": "shirley@evil.example", "Email": "shirley@example.com", "EMAIL": "x@example.com"}
    assert await people.refusal(people.token(**shadowing)) == "AccessDeniedException"
    principal = {"Effect": "Allow", "Principal": "*", "Action": "sts:*"}
    everyone = json.dumps({"Statement": principal})
    await roles.update_assume_role_policy(people.service, people.world.administrator, "People", everyone)
    assert await people.refusal(people.token(**good)) == "AccessDeniedException"


@pytest.mark.parametrize(
    "claims",
    [
        {"groups": [f"group-{number}" for number in range(150)] + ["contractors"]},
        {**{f"claim{number}": "x" for number in range(150)}, "groups": ["contractors"]},
        {"groups": ["contractors" + "x" * 2000]},
    ],
)
async def test_no_claim_is_too_many_or_too_long_to_count(people: People, claims: dict[str, Any]) -> None:
    await people.trust(**{"ForAllValues:StringNotLike": {f"{NAME}:groups": "contractors*"}})
    await people.enter(people.token(groups=["group-1"]))
    assert await people.refusal(people.token(**claims)) == "AccessDeniedException"


async def test_tags_and_source_identity_that_the_provider_sets(people: People) -> None:
    tags = {"principal_tags": {"team": ["red"]}, "transitive_tag_keys": ["team"]}
    claims = {"https://aws.amazon.com/tags": tags, "https://aws.amazon.com/source_identity": "shirley"}
    assert await people.refusal(people.token(**claims)) == "AccessDeniedException"
    await people.trust("sts:TagSession", "sts:SetSourceIdentity")
    caller = await people.known(people.token(**claims))
    assert caller.tags == {"team": "red"}
    assert caller.session is not None
    assert (caller.session.source_identity, caller.session.transitive_keys) == ("shirley", ("team",))
    for bad in (
        "x",
        {"principal_tags": {"team": ["red", "blue"]}},
        {"principal_tags": {"a": 7}},
        {"principal_tags": [1]},
    ):
        assert await people.refusal(people.token(**{"https://aws.amazon.com/tags": bad})) == "IDPRejectedClaim"
    long = {"https://aws.amazon.com/source_identity": "x" * 257}
    assert await people.refusal(people.token(**long)) == "IDPRejectedClaim"


async def test_two_people_of_one_session_name_do_not_share_sessions(people: People) -> None:
    """The name is the caller's to choose; on AWS only a trust policy keeps them apart."""
    shirley, mallory = [await people.known(people.token(sub=each), name="shirley") for each in ("shirley", "mallory")]
    assert shirley.arn == mallory.arn
    node = await people.world.node()
    ticket = await people.world.start(node, shirley)
    with pytest.raises(ServiceError, match="not authorized"):
        await sessions.terminate_session(people.service, mallory, ticket.session_id)
    again = await people.known(people.token(sub="shirley"), name="shirley")
    await sessions.terminate_session(people.service, again, ticket.session_id)


async def test_a_web_identity_that_goes_on_stays_itself(people: People) -> None:
    principal = {"Effect": "Allow", "Principal": {"AWS": ROLE}, "Action": "sts:AssumeRole"}
    onward = RoleDraft("Next", json.dumps({"Statement": principal}))
    await roles.create_role(people.service, people.world.administrator, onward, {})
    arn = "arn:aws:iam::123456789012:role/Next"
    caller, other = [await people.known(people.token(sub=each)) for each in ("shirley", "mallory")]
    sessions_made = [await assume_role(people.service, each, SessionRequest(arn, "x")) for each in (caller, other)]
    credentials = [made.issued.credentials for made in sessions_made]
    tokens = [each.session_token.reveal() for each in credentials if each.session_token is not None]
    first, second = [
        (await callers.authenticate(people.service, each.access_key_id, token)).caller
        for each, token in zip(credentials, tokens, strict=True)
    ]
    assert first.arn.endswith(":assumed-role/Next/x")
    assert (first.user_id, first.owner_id == second.owner_id) == (second.user_id, False)
    assert context_of(people.service, first).get("aws:federatedprovider") == ()
    with pytest.raises(ServiceError, match="chaining"):
        await assume_role(people.service, caller, SessionRequest(arn, "shirley", 3601))


def spelled(header: str, claims: str) -> str:
    """A token of these texts, that nobody signed."""
    parts = (header, claims, "signature")
    return ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ('{"alg": ["RS256"]}', "{}"),
        ('{"alg": {"RS256": 1}}', "{}"),
        ('{"alg": "RS256"}', '{"iss": "https://\\ud800"}'),
        ('{"alg": "RS256"}', '{"iss": "https://id.example.com\\u0000"}'),
        ('{"alg": "RS256"}', f'{{"iss": "{"https://" + "i" * 100_000}"}}'),
        ('{"alg": "RS256", "kid": "\\ud800"}', f'{{"iss": "{ISSUER}"}}'),
        ('{"alg": "RS256", "kid": "rsa", "crit": ["x"]}', f'{{"iss": "{ISSUER}"}}'),
        ('{"alg": "RS256", "kid": "rsa", "b64": false, "crit": 1}', f'{{"iss": "{ISSUER}"}}'),
        ('{"alg": "RS256", "kid": "rsa", "jwk": 1, "x5c": {}, "typ": []}', f'{{"iss": "{ISSUER}"}}'),
        ('{"alg": "ES256", "kid": "ec"}', f'{{"iss": "{ISSUER}"}}'),
    ],
)
async def test_tokens_of_any_form_are_refused_and_nothing_else(people: People, header: str, claims: str) -> None:
    assert await people.refusal(spelled(header, claims)) == "InvalidIdentityToken"


async def test_times_beyond_all_numbers_are_none(people: People) -> None:
    assert await people.refusal(people.token(exp=10**400)) == "InvalidIdentityToken"
    assert await people.refusal(people.token(nbf=-(10**400))) == "InvalidIdentityToken"
