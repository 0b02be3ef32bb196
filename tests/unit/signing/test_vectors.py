"""The three signatures recorded from AWS's agent: each verifies, and no longer does after any change."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ferryman.model.values.secret import Secret
from ferryman.signing import rsa, sigv4
from ferryman.signing.canonical import SignableRequest, canonical_request, string_to_sign
from ferryman.signing.errors import InvalidSignature, SignatureError

CAPTURES = Path(__file__).parents[2] / "vectors" / "agent_captures.json"
NOW = datetime(2025, 1, 1, tzinfo=UTC)
RSA = "rsa_role_token"
NAMES = (RSA, "sigv4_create_control_channel", "sigv4_control_channel_upgrade")


@cache
def vector(name: str) -> dict[str, Any]:
    vectors: dict[str, dict[str, Any]] = json.loads(CAPTURES.read_text())["signature_vectors"]
    return vectors[name]


def authorization(name: str) -> str:
    given = vector(name)
    if name == RSA:
        return str(given["authorization"])
    scope = given["string_to_sign"].split("\n")[2]
    signed = given["canonical_request"].split("\n")[-2]
    return (
        f"AWS4-HMAC-SHA256 Credential={given['access_key_id']}/{scope}, SignedHeaders={signed}, "
        f"Signature={given['signature']}"
    )


def recorded(name: str) -> SignableRequest:
    method, path, query, *headers, _, _, _ = vector(name)["canonical_request"].split("\n")
    pairs = [header.partition(":") for header in headers]
    sent = [(key.title(), value) for key, _, value in pairs]
    sent += [("User-Agent", "Go-http-client/1.1"), ("Authorization", authorization(name))]
    return SignableRequest(method, path, query, sent, vector(name)["body"].encode())


def verify(name: str, request: SignableRequest, now: datetime = NOW) -> None:
    presented = sigv4.parse(request)
    sigv4.verify_scope(presented, "region-1", "ssm" if name == RSA else "ssmmessages")
    if name == RSA:
        assert rsa.is_rsa(presented)
        rsa.verify_rsa(request, presented, rsa.decode_public_key(vector(name)["public_key_b64_der_spki"]), now)
    else:
        assert not rsa.is_rsa(presented)
        sigv4.verify(request, presented, Secret(vector(name)["secret_access_key"]), now)


def with_header(request: SignableRequest, name: str, value: str) -> SignableRequest:
    headers = [(key, value if key.lower() == name else old) for key, old in request.headers]
    assert headers != request.headers
    return replace(request, headers=headers)


def with_authorization(request: SignableRequest, old: str, new: str) -> SignableRequest:
    before = request.values("authorization")[0]
    assert old in before
    return with_header(request, "authorization", before.replace(old, new, 1))


CHANGES: dict[str, Callable[[SignableRequest], SignableRequest]] = {
    "method": lambda request: replace(request, method="PUT"),
    "path": lambda request: replace(request, raw_path=request.raw_path + "x"),
    "path, encoded": lambda request: replace(request, raw_path=request.raw_path + "%2F"),
    "query added": lambda request: replace(request, raw_query="&".join(filter(None, (request.raw_query, "a=b")))),
    "body": lambda request: replace(request, body=request.body + b" "),
    "region": lambda request: with_authorization(request, "/region-1/", "/region-2/"),
    "service": lambda request: with_authorization(request, "/ssm", "/sts"),
    "date of the scope": lambda request: with_authorization(request, "/20250101/", "/20250102/"),
    "terminator": lambda request: with_authorization(request, "aws4_request", "aws5_request"),
    "signature": lambda request: with_authorization(request, "Signature=", "Signature=A"),
    "signature cut": lambda request: with_header(request, "authorization", request.values("authorization")[0][:-4]),
    "date left unsigned": lambda request: with_authorization(request, "x-amz-date;", ""),
    "host left unsigned": lambda request: with_authorization(request, "host;", ""),
    "content type no longer signed": lambda request: (
        with_authorization(request, "content-type;", "") if request.body else replace(request, method="HEAD")
    ),
    "X-Amz header added": lambda request: replace(request, headers=[*request.headers, ("X-Amz-Extra", "1")]),
    "host:443 asked, other host": lambda request: with_header(request, "host", "other.example:443"),
}


@pytest.mark.parametrize("name", NAMES)
def test_recorded_signature_verifies(name: str) -> None:
    verify(name, recorded(name))


@pytest.mark.parametrize("name", NAMES)
def test_canonical_request_and_string_to_sign_are_the_recorded_ones(name: str) -> None:
    request = recorded(name)
    presented = sigv4.parse(request)
    headers = [(header, request.values(header)[0]) for header in presented.signed_headers]
    canonical = canonical_request(request, headers)
    assert canonical == vector(name)["canonical_request"]
    assert string_to_sign(presented.signed_at, presented.scope, canonical) == vector(name)["string_to_sign"]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", NAMES)
def test_any_change_is_refused(name: str, change: str) -> None:
    changed = CHANGES[change](recorded(name))
    assert changed != recorded(name)
    with pytest.raises(SignatureError):
        verify(name, changed)


SIGNED = [(name, header) for name in NAMES for header in vector(name)["canonical_request"].split("\n")[-2].split(";")]


@pytest.mark.parametrize(("name", "header"), SIGNED)
def test_any_change_of_a_signed_header_is_refused(name: str, header: str) -> None:
    request = recorded(name)
    value = "20250101T000001Z" if header == "x-amz-date" else request.values(header)[0] + "x"
    with pytest.raises(InvalidSignature):
        verify(name, with_header(request, header, value))


@pytest.mark.parametrize(("name", "header"), SIGNED)
def test_a_signed_header_taken_away_is_refused(name: str, header: str) -> None:
    request = recorded(name)
    with pytest.raises(SignatureError):
        verify(name, replace(request, headers=[pair for pair in request.headers if pair[0].lower() != header]))


@pytest.mark.parametrize(("name", "header"), SIGNED)
def test_a_signed_header_doubled_is_refused(name: str, header: str) -> None:
    request = recorded(name)
    again = (header, request.values(header)[0])
    for headers in ([*request.headers, again], [again, *request.headers], [(header, "other"), *request.headers]):
        with pytest.raises(SignatureError):
            verify(name, replace(request, headers=headers))


def test_query_parameter_changed_or_taken_away_is_refused() -> None:
    name = "sigv4_control_channel_upgrade"
    for query in ("role=subscribe&stream=output", "role=subscribe", ""):
        with pytest.raises(InvalidSignature):
            verify(name, replace(recorded(name), raw_query=query))


def test_order_of_query_parameters_does_not_matter() -> None:
    name = "sigv4_control_channel_upgrade"
    verify(name, replace(recorded(name), raw_query="stream=input&role=subscribe"))


def test_session_token_is_presented() -> None:
    assert sigv4.parse(recorded(NAMES[1])).session_token == Secret("EXAMPLE-SESSION-TOKEN")
    assert sigv4.parse(recorded(RSA)).session_token is None


def test_another_key_is_refused() -> None:
    name = "sigv4_create_control_channel"
    request = recorded(name)
    with pytest.raises(InvalidSignature, match="does not match the signature you provided"):
        sigv4.verify(request, sigv4.parse(request), Secret("another"), NOW)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("now", "message"),
    [
        (
            datetime(2025, 1, 1, 0, 5, 1, tzinfo=UTC),
            "Signature expired: 20250101T000000Z is now earlier than 20250101T000001Z (20250101T000501Z - 5 min.)",
        ),
        (
            datetime(2024, 12, 31, 23, 54, 59, tzinfo=UTC),
            "Signature not yet current: 20250101T000000Z is still later than 20241231T235959Z "
            "(20241231T235459Z + 5 min.)",
        ),
    ],
)
def test_time_outside_five_minutes_is_refused(name: str, now: datetime, message: str) -> None:
    with pytest.raises(InvalidSignature) as raised:
        verify(name, recorded(name), now)
    assert raised.value.message == message


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("now", [datetime(2025, 1, 1, 0, 5, tzinfo=UTC), datetime(2024, 12, 31, 23, 55, tzinfo=UTC)])
def test_five_minutes_of_skew_are_allowed(name: str, now: datetime) -> None:
    verify(name, recorded(name), now)
