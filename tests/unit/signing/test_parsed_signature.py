"""Signatures whose form is wrong, and what each is refused with."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman.signing.canonical import Scope, SignableRequest
from ferryman.signing.errors import IncompleteSignature, InvalidSignature, MissingAuthenticationToken, SignatureError
from ferryman.signing.parsed_signature import ParsedSignature, parse

CREDENTIAL = "AKIAEXAMPLE000000000/20250101/test-1/ssm/aws4_request"
GOOD = f"AWS4-HMAC-SHA256 Credential={CREDENTIAL}, SignedHeaders=host;x-amz-date, Signature=00ff"
PRESIGNED = {
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": CREDENTIAL.replace("/", "%2F"),
    "X-Amz-Date": "20250101T000000Z",
    "X-Amz-Expires": "900",
    "X-Amz-SignedHeaders": "host",
    "X-Amz-Signature": "00ff",
}


def request(authorization: str | None = GOOD, date: str | None = "20250101T000000Z") -> SignableRequest:
    headers = [("Host", "localhost:8022")]
    if date is not None:
        headers.append(("X-Amz-Date", date))
    if authorization is not None:
        headers.append(("Authorization", authorization))
    return SignableRequest("POST", "/", "", headers, b"{}")


def presigned(**changes: str | None) -> SignableRequest:
    parameters = {**PRESIGNED, **{"X-Amz-" + name.replace("_", "-"): value for name, value in changes.items()}}
    query = "&".join(f"{name}={value}" for name, value in parameters.items() if value is not None)
    return SignableRequest("GET", "/", query, [("Host", "localhost:8022")], b"")


def test_header_is_read() -> None:
    assert parse(request()) == ParsedSignature(
        access_key_id="AKIAEXAMPLE000000000",
        scope=Scope("20250101", "test-1", "ssm"),
        signed_headers=("host", "x-amz-date"),
        signature="00ff",
        signed_at="20250101T000000Z",
    )


def test_header_without_blanks_is_read() -> None:
    assert parse(request(GOOD.replace(", ", ","))) == parse(request())


def test_query_is_read() -> None:
    presented = parse(presigned())
    assert presented == replace(parse(request()), signed_headers=("host",), expires=900)


def test_no_signature() -> None:
    with pytest.raises(MissingAuthenticationToken) as raised:
        parse(request(None))
    assert (raised.value.code, raised.value.status) == ("MissingAuthenticationTokenException", 400)


@pytest.mark.parametrize(
    ("authorization", "message"),
    [
        ("", "requires the algorithm 'AWS4-HMAC-SHA256'"),
        ("Basic dXNlcjpwYXNz", "requires the algorithm 'AWS4-HMAC-SHA256', not 'Basic'"),
        ("AWS4-ECDSA-P256-SHA256 " + GOOD.partition(" ")[2], "requires the algorithm"),
        ("AWS4-HMAC-SHA256", "not a key=value pair"),
        ("AWS4-HMAC-SHA256 Credential", "not a key=value pair"),
        (GOOD.replace("Credential", "X"), "Authorization header requires 'Credential' parameter."),
        (GOOD.replace("SignedHeaders", "X"), "Authorization header requires 'SignedHeaders' parameter."),
        (GOOD.replace("Signature=00ff", "X=1"), "Authorization header requires 'Signature' parameter."),
        (GOOD.replace("Signature=00ff", "Signature="), "Authorization header requires 'Signature' parameter."),
        (GOOD + ", Signature=11", "the parameter 'Signature' more than once"),
        (GOOD.replace("/aws4_request", ""), "exactly 5 slash-delimited elements"),
        (GOOD.replace("/ssm/", "//"), "exactly 5 slash-delimited elements"),
        (GOOD.replace("/ssm/", "/ssm/x/"), "exactly 5 slash-delimited elements"),
        (GOOD.replace("host;x-amz-date", "x-amz-date;host"), "alphabetical order"),
        (GOOD.replace("host;x-amz-date", "host;host;x-amz-date"), "each once"),
        (GOOD.replace("host;x-amz-date", "Host;x-amz-date"), "lower-case"),
        (GOOD.replace("host;x-amz-date", ";host;x-amz-date"), "lower-case header names"),
    ],
)
def test_incomplete_header(authorization: str, message: str) -> None:
    with pytest.raises(IncompleteSignature) as raised:
        parse(request(authorization))
    assert message in raised.value.message
    assert (raised.value.code, raised.value.status) == ("IncompleteSignatureException", 400)


@pytest.mark.parametrize(
    ("authorization", "message"),
    [
        (GOOD.replace("aws4_request", "aws5_request"), "valid terminator: 'aws4_request', not 'aws5_request'"),
        (GOOD.replace("20250101", "20250102"), "'20250102' != '20250101', from '20250101T000000Z'"),
        (GOOD.replace("host;", ""), "'Host' must be a 'SignedHeader'"),
        (GOOD.replace(";x-amz-date", ""), "which were not signed: 'x-amz-date'"),
        (GOOD.replace("x-amz-date", "x-absent;x-amz-date"), "'x-absent' is missing from the request"),
    ],
)
def test_invalid_header(authorization: str, message: str) -> None:
    with pytest.raises(InvalidSignature) as raised:
        parse(request(authorization))
    assert message in raised.value.message
    assert (raised.value.code, raised.value.status) == ("InvalidSignatureException", 400)


@pytest.mark.parametrize(
    "date", ["", "2025-01-01T00:00:00Z", "20250101", "20251301T000000Z", "\u0662\u0660250101T000000Z"]
)
def test_unreadable_date(date: str) -> None:
    with pytest.raises(IncompleteSignature, match="Date must be in ISO-8601 'basic format'"):
        parse(request(date=date))


def test_no_date() -> None:
    with pytest.raises(IncompleteSignature, match="either a 'X-Amz-Date' or a 'Date' header"):
        parse(request(GOOD.replace(";x-amz-date", ""), None))


@pytest.mark.parametrize("date", ["yesterday", "Fri, 31 Dec 9999 23:59:59 -1200", "Mon, 01 Jan 0100 00:00:00 +0000"])
def test_unreadable_date_header(date: str) -> None:
    bare = request(GOOD.replace("host;x-amz-date", "date;host"), None)
    with pytest.raises(SignatureError):
        parse(replace(bare, headers=[*bare.headers, ("Date", date)]))


def test_date_header_must_be_signed() -> None:
    bare = request(GOOD.replace(";x-amz-date", ""), None)
    with pytest.raises(InvalidSignature, match="not signed: 'date'"):
        parse(replace(bare, headers=[*bare.headers, ("Date", "Wed, 01 Jan 2025 00:00:00 GMT")]))


@pytest.mark.parametrize("name", ["X-Amz-Security-Token", "X-Amz-Target", "x-amz-anything"])
def test_unsigned_amz_header(name: str) -> None:
    plain = request()
    with pytest.raises(InvalidSignature, match=f"not signed: '{name.lower()}'"):
        parse(replace(plain, headers=[*plain.headers, (name, "value")]))


def test_unsigned_trace_and_body_digest_are_allowed() -> None:
    plain = request()
    extra = [("X-Amzn-Trace-Id", "Root=1"), ("X-Amz-Content-Sha256", "00")]
    assert parse(replace(plain, headers=[*plain.headers, *extra])) == parse(plain)


@pytest.mark.parametrize("again", [("authorization", GOOD), ("host", "elsewhere"), ("X-AMZ-DATE", "20250101T000000Z")])
def test_header_given_twice(again: tuple[str, str]) -> None:
    plain = request()
    with pytest.raises(SignatureError):
        parse(replace(plain, headers=[*plain.headers, again]))


def test_two_signatures() -> None:
    both = replace(request(), raw_query=presigned().raw_query)
    with pytest.raises(IncompleteSignature, match="one signature"):
        parse(both)


@pytest.mark.parametrize(
    "changes",
    [
        {"Algorithm": None},
        {"Algorithm": "AWS4-ECDSA-P256-SHA256"},
        {"Credential": None},
        {"Credential": "AKIA"},
        {"Date": None},
        {"Date": "today"},
        {"Expires": None},
        {"Expires": "0"},
        {"Expires": "-1"},
        {"Expires": "604801"},
        {"Expires": "\u0669\u0660"},
        {"Expires": "9" * 5000},
        {"SignedHeaders": None},
        {"SignedHeaders": "Host"},
        {"Signature": None},
    ],
)
def test_incomplete_query(changes: dict[str, str | None]) -> None:
    with pytest.raises(IncompleteSignature):
        parse(presigned(**changes))


@pytest.mark.parametrize("name", PRESIGNED)
def test_query_parameter_given_twice(name: str) -> None:
    once = presigned()
    with pytest.raises(IncompleteSignature, match=f"'{name}' more than once"):
        parse(replace(once, raw_query=f"{once.raw_query}&{name}={PRESIGNED[name]}"))


def test_fifteen_minutes_is_the_longest_lifetime() -> None:
    assert parse(presigned(Expires="900")).expires == 900
    for longer in ("901", "604800", "9" * 5000):
        with pytest.raises(IncompleteSignature, match=r"X-Amz-Expires must be from 1 to 900 seconds \(15 minutes\)"):
            parse(presigned(Expires=longer))


def test_token_in_query_and_header() -> None:
    once = presigned(Security_Token="a", SignedHeaders="host;x-amz-security-token")
    with pytest.raises(IncompleteSignature, match="not in both"):
        parse(replace(once, headers=[*once.headers, ("X-Amz-Security-Token", "b")]))


def test_message_quotes_without_control_characters_and_within_a_limit() -> None:
    with pytest.raises(IncompleteSignature) as raised:
        parse(request(GOOD.replace("AKIAEXAMPLE000000000/", "\x1b[31m" + "A" * 5000)))
    assert "\x1b" not in raised.value.message
    assert len(raised.value.message) < 400


wild = st.text(st.characters(exclude_categories=["Cs"], include_characters="\udc80\udcff"), max_size=30)
"""Bytes of a request that are not UTF-8 become surrogates of this range; it cannot have others."""


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["Host", "Authorization", "X-Amz-Date", "Date"]), wild), max_size=5), wild)
def test_no_input_raises_anything_else(headers: list[tuple[str, str]], query: str) -> None:
    with pytest.raises(SignatureError):
        parse(SignableRequest("POST", "/", query, headers, b""))


@settings(deadline=None)
@given(wild, wild, wild, wild)
def test_no_header_raises_anything_else(credential: str, names: str, signature: str, date: str) -> None:
    text = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
    with pytest.raises(SignatureError):
        parse(request(text, date))


def test_a_parameter_that_is_not_of_the_scheme_is_refused() -> None:
    """Nothing in the header can name another key than the one that is verified."""
    hostile = GOOD.replace("Credential=", "X=Credential=AKIAVICTIM0000000000/, Credential=", 1)
    with pytest.raises(IncompleteSignature, match="unknown parameter"):
        parse(request(hostile))
