"""ID tokens: whose are accepted, how their keys are found, and which are refused."""

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from ferryman.core.iam import oidc_providers, roles
from ferryman.core.identity.assume_role import SessionRequest
from ferryman.core.identity.web_identity import assume_role_with_web_identity
from ferryman.core.providers.keys import LIFE, PAUSE
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Origin
from tests.unit.core.identity.issuers import (
    DISCOVERY_URL,
    FOREIGN,
    ISSUER,
    KEYS,
    KEYS_URL,
    NAME,
    PROVIDER,
    ROLE,
    Key,
    People,
)

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


async def test_a_token_is_accepted_only_while_it_is_valid(people: People) -> None:
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


async def test_a_token_for_another_audience_is_refused(people: People) -> None:
    for claims in ({"aud": "stranger"}, {"aud": None}, {"aud": ["stranger"]}, {"aud": 7}, {"azp": "stranger"}):
        assert await people.refusal(people.token(**claims)) == "InvalidIdentityToken"
    assert (await people.enter(people.token(aud=["stranger", "other"], azp="other"))).audience == "other"
    await oidc_providers.remove_client_id(people.service, people.world.administrator, PROVIDER, "ferryman")
    assert await people.refusal(people.token()) == "InvalidIdentityToken"
    for subject in (None, "", 7, "x" * 256, "a\nb"):
        assert await people.refusal(people.token(aud="other", sub=subject)) == "InvalidIdentityToken"
    await oidc_providers.delete_oidc_provider(people.service, people.world.administrator, PROVIDER)
    assert await people.refusal(people.token(aud="other")) == "InvalidIdentityToken"


async def test_rotated_keys_are_fetched_and_nobody_can_cause_frequent_fetches(people: People) -> None:
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


async def test_invalid_keys_are_ignored(people: People) -> None:
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


async def test_times_outside_every_range_are_refused(people: People) -> None:
    assert await people.refusal(people.token(exp=10**400)) == "InvalidIdentityToken"
    assert await people.refusal(people.token(nbf=-(10**400))) == "InvalidIdentityToken"


@pytest.mark.parametrize(
    ("member", "number", "told"),
    [("n", 2**4100 + 1, "2048 to 4096 bits"), ("n", 2**1024 + 1, "2048 to 4096 bits"), ("e", 2**2000 + 1, "32 bits")],
)
async def test_keys_that_take_long_to_verify_with_are_refused(
    people: People, member: str, number: int, told: str
) -> None:
    encoded = base64.urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8)).decode().rstrip("=")
    people.issuer.published = [{**KEYS["rsa"].as_dict(private=False), member: encoded}]
    people.world.clock.advance(seconds=LIFE)
    with pytest.raises(ServiceError, match=told):
        await people.enter(people.token())
