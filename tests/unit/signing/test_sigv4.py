"""Signing and verifying with a secret."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret
from ferryman.signing import sigv4
from ferryman.signing.canonical import Scope, SignableRequest
from ferryman.signing.errors import InvalidSignature, SignatureError
from ferryman.signing.parsed_signature import ParsedSignature

NOW = datetime(2025, 3, 4, 5, 6, 7, tzinfo=UTC)
CREDENTIALS = Credentials("AKIAEXAMPLE000000000", Secret("secret"), Secret("token"))
PLAIN = SignableRequest("POST", "/", "", [("Host", "localhost:8022"), ("Content-Type", "application/json")], b"{}")


def signed(request: SignableRequest, now: datetime = NOW) -> SignableRequest:
    added = sigv4.sign(request, CREDENTIALS, "test-1", "ssm", now)
    return replace(request, headers=[*request.headers, *added.items()])


def verify(request: SignableRequest, now: datetime = NOW) -> ParsedSignature:
    presented = sigv4.parse(request)
    sigv4.verify(request, presented, CREDENTIALS.secret_access_key, now)
    return presented


def test_what_is_signed_verifies() -> None:
    presented = verify(signed(PLAIN))
    assert presented.signed_headers == ("content-type", "host", "x-amz-date", "x-amz-security-token")
    assert presented.session_token == Secret("token")
    assert presented.scope == Scope("20250304", "test-1", "ssm")


@pytest.mark.parametrize("name", ["User-Agent", "Accept-Encoding", "Connection", "Transfer-Encoding", "Authorization"])
def test_headers_that_others_rewrite_are_not_signed(name: str) -> None:
    request = replace(PLAIN, headers=[*PLAIN.headers, (name, "before")])
    assert name.lower() not in sigv4.sign(request, CREDENTIALS, "test-1", "ssm", NOW)["Authorization"]


def test_stale_date_and_token_of_an_earlier_signature_are_replaced() -> None:
    again = sigv4.sign(signed(PLAIN, NOW - timedelta(days=1)), CREDENTIALS, "test-1", "ssm", NOW)
    assert again == sigv4.sign(PLAIN, CREDENTIALS, "test-1", "ssm", NOW)


@pytest.mark.parametrize("headers", [[], [("Host", "a"), ("Host", "b")], [("Host", "a"), ("X-A", "1"), ("x-a", "1")]])
def test_requests_that_no_server_could_verify_are_not_signed(headers: list[tuple[str, str]]) -> None:
    with pytest.raises(ValueError, match="Host header"):
        sigv4.sign(replace(PLAIN, headers=headers), CREDENTIALS, "test-1", "ssm", NOW)


@pytest.mark.parametrize("port", [":443", ":80"])
def test_default_port_may_be_signed_and_not_sent_or_sent_and_not_signed(port: str) -> None:
    for ours, theirs in (("ssm.example", "ssm.example" + port), ("ssm.example" + port, "ssm.example")):
        request = signed(replace(PLAIN, headers=[("Host", ours)]))
        verify(replace(request, headers=[("Host", theirs), *request.headers[1:]]))


@pytest.mark.parametrize(("ours", "theirs"), [("h", "h:8022"), ("h:8443", "h:443"), ("h:8443", "h"), ("[::1]", "[::]")])
def test_another_host_or_port_is_refused(ours: str, theirs: str) -> None:
    request = signed(replace(PLAIN, headers=[("Host", ours)]))
    with pytest.raises(InvalidSignature):
        verify(replace(request, headers=[("Host", theirs), *request.headers[1:]]))


def test_body_digest_must_be_true_though_unsigned() -> None:
    request = signed(PLAIN)
    true = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    verify(replace(request, headers=[*request.headers, ("X-Amz-Content-Sha256", true)]))
    for false in ("UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", true[:-1], ""):
        with pytest.raises(InvalidSignature, match="x-amz-content-sha256"):
            verify(replace(request, headers=[*request.headers, ("X-Amz-Content-Sha256", false)]))


def test_scope() -> None:
    presented = sigv4.parse(signed(PLAIN))
    sigv4.verify_scope(presented, "test-1", "ssm")
    with pytest.raises(InvalidSignature, match="Credential should be scoped to a valid region, not 'test-1'"):
        sigv4.verify_scope(presented, "test-2", "ssm")
    with pytest.raises(InvalidSignature, match="Credential should be scoped to correct service: 'sts'"):
        sigv4.verify_scope(presented, "test-1", "sts")


@pytest.mark.parametrize(
    ("server", "service", "signed_for", "good"),
    [
        ("test-1", "iam", "test-1", True),
        ("test-1", "iam", "us-east-1", True),
        ("cn-north-2", "iam", "cn-north-1", True),
        ("us-gov-east-1", "iam", "us-gov-west-1", True),
        ("us-gov-east-1", "iam", "us-east-1", False),
        ("test-1", "iam", "test-2", False),
        ("test-1", "ssm", "us-east-1", False),
        ("test-1", "sts", "us-east-1", False),
    ],
)
def test_only_a_global_service_has_another_region(server: str, service: str, signed_for: str, good: bool) -> None:
    presented = replace(sigv4.parse(signed(PLAIN)), scope=Scope("20250304", signed_for, service))
    with nullcontext() if good else pytest.raises(InvalidSignature, match=f"not '{signed_for}'"):
        sigv4.verify_scope(presented, server, service)


def presigned(expires: int) -> tuple[SignableRequest, ParsedSignature]:
    scope = Scope("20250304", "test-1", "ssm")
    presented = ParsedSignature("AKIA", scope, ("host",), "00", "20250304T050607Z", expires=expires)
    return PLAIN, presented


@pytest.mark.parametrize(
    ("after", "message"),
    [
        (timedelta(seconds=61), "Signature expired: 20250304T050707Z is now earlier than 20250304T050708Z"),
        (timedelta(seconds=-301), "Signature not yet current: 20250304T050607Z is still later than 20250304T050606Z"),
        (timedelta(seconds=60), "does not match the signature you provided"),
        (timedelta(seconds=-300), "does not match the signature you provided"),
    ],
)
def test_presigned_request_is_good_for_its_lifetime(after: timedelta, message: str) -> None:
    request, presented = presigned(60)
    with pytest.raises(InvalidSignature) as raised:
        sigv4.verify(request, presented, Secret("secret"), NOW + after)
    assert message in raised.value.message


def test_no_error_shows_the_secret_or_the_token() -> None:
    request = signed(replace(PLAIN, headers=[("Host", "h")]))
    presented = sigv4.parse(request)
    with pytest.raises(InvalidSignature) as raised:
        sigv4.verify(request, presented, Secret("another-secret"), NOW)
    for text in (str(raised.value), repr(presented)):
        assert "secret" not in text.replace("x-amz-security-token", "")
        assert "'token'" not in text


wild = st.text(st.characters(), max_size=20)


@settings(deadline=None)
@given(st.text(max_size=8), wild, wild, st.text(st.characters(codec="ascii"), max_size=20), wild)
def test_undecodable_requests_are_refused_not_crashed_on(
    method: str, path: str, query: str, host: str, signature: str
) -> None:
    surrogate = "\udcff"
    scope = Scope("20250304", "test-1", "ssm")
    request = SignableRequest(
        method,
        "/" + path.encode(errors="replace").decode() + surrogate,
        query.encode(errors="replace").decode() + surrogate,
        [("Host", host + surrogate)],
        b"",
    )
    presented = ParsedSignature(
        "AKIA", scope, ("host",), signature.encode(errors="replace").decode() + surrogate, "20250304T050607Z"
    )
    with pytest.raises(SignatureError):
        sigv4.verify(request, presented, Secret("secret"), NOW)
