"""botocore signs and we verify; we sign and botocore makes the same signature."""

from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import given
from hypothesis import strategies as st

from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret
from ferryman.signing import sigv4
from ferryman.signing.canonical import SignableRequest, canonical_path, canonical_query
from ferryman.signing.errors import InvalidSignature

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
KEY = "AKIAEXAMPLE000000000"
REGION = "eu-test-1"
SERVICE = "ssm"

segments = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/"), min_size=1, max_size=12).filter(
    lambda text: text not in (".", "..")
)
paths = st.lists(segments, max_size=4).map(lambda parts: "/" + "/".join(quote(part, safe="@+=,;~") for part in parts))
parameters = st.lists(st.tuples(segments, st.text(st.characters(exclude_categories=["Cs"]), max_size=12)), max_size=4)
queries = parameters.map(
    lambda pairs: "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in pairs)
)
header_text = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
headers = st.dictionaries(
    st.from_regex(r"[Xx]-[A-Za-z]{1,8}", fullmatch=True).map(str.lower),
    st.lists(header_text, min_size=1, max_size=3).map("  ".join),
    max_size=3,
)
methods = st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD"])


def as_received(request: AWSRequest, host: str) -> SignableRequest:
    parts = urlsplit(request.url)
    sent = [*request.headers.items(), ("Host", host), ("User-Agent", "Boto3/1.44"), ("Accept-Encoding", "identity")]
    return SignableRequest(request.method, parts.path, parts.query, sent, request.data or b"")


def now_of(presented: sigv4.ParsedSignature) -> datetime:
    return datetime.strptime(presented.signed_at, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


@given(methods, paths, queries, headers, st.binary(max_size=64), st.sampled_from([None, "session/token+with=signs"]))
def test_botocore_signs_and_we_verify(
    method: str, path: str, query: str, extra: dict[str, str], body: bytes, token: str | None
) -> None:
    request = AWSRequest(method, f"http://localhost:8022{path}?{query}", dict(extra), body)
    SigV4Auth(BotocoreCredentials(KEY, SECRET, token), SERVICE, REGION).add_auth(request)
    received = as_received(request, "localhost:8022")
    presented = sigv4.parse(received)
    assert presented.access_key_id == KEY
    assert presented.session_token == (None if token is None else Secret(token))
    assert presented.expires is None
    sigv4.verify_scope(presented, REGION, SERVICE)
    sigv4.verify(received, presented, Secret(SECRET), now_of(presented))
    with pytest.raises(InvalidSignature):
        sigv4.verify(received, presented, Secret(SECRET + "x"), now_of(presented))


@given(methods, paths, queries, headers, st.sampled_from([None, "session/token+with=signs"]), st.integers(1, 900))
def test_botocore_presigns_and_we_verify(
    method: str, path: str, query: str, extra: dict[str, str], token: str | None, expires: int
) -> None:
    names = [pair.partition("=")[0] for pair in query.split("&")]
    if len(names) != len(set(names)):  # botocore's presigner keeps the first of each name only
        query = ""
    request = AWSRequest(method, f"https://ssm.example{path}?{query}", dict(extra))
    SigV4QueryAuth(BotocoreCredentials(KEY, SECRET, token), SERVICE, REGION, expires).add_auth(request)
    received = as_received(request, "ssm.example")
    presented = sigv4.parse(received)
    assert presented.expires == expires
    assert presented.session_token == (None if token is None else Secret(token))
    sigv4.verify(received, presented, Secret(SECRET), now_of(presented))
    altered = SignableRequest(method, path, received.raw_query + "&more=1", received.headers, received.body)
    with pytest.raises(InvalidSignature):
        sigv4.verify(altered, presented, Secret(SECRET), now_of(presented))


def test_botocore_signs_with_a_date_header_and_we_verify() -> None:
    request = AWSRequest("POST", "http://localhost:8022/", {"Date": "to be replaced"}, b"{}")
    SigV4Auth(BotocoreCredentials(KEY, SECRET), SERVICE, REGION).add_auth(request)
    received = as_received(request, "localhost:8022")
    assert not received.values("x-amz-date")
    presented = sigv4.parse(received)
    sigv4.verify(received, presented, Secret(SECRET), now_of(presented))


@given(methods, paths, queries, headers, st.binary(max_size=64), st.sampled_from([None, "session/token+with=signs"]))
def test_we_sign_as_botocore(
    method: str, path: str, query: str, extra: dict[str, str], body: bytes, token: str | None
) -> None:
    theirs = AWSRequest(method, f"http://localhost:8022{path}?{query}", dict(extra), body)
    SigV4Auth(BotocoreCredentials(KEY, SECRET, token), SERVICE, REGION).add_auth(theirs)
    now = datetime.strptime(theirs.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    ours = SignableRequest(method, path, query, [*extra.items(), ("Host", "localhost:8022")], body)
    credentials = Credentials(KEY, Secret(SECRET), None if token is None else Secret(token))
    added = sigv4.sign(ours, credentials, REGION, SERVICE, now)
    assert added["Authorization"] == theirs.headers["Authorization"]
    assert added.get("X-Amz-Security-Token") == token


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="?#"), max_size=30))
def test_canonical_path_is_botocores(tail: str) -> None:
    assert canonical_path("/" + tail) == SigV4Auth(None, "", "")._normalize_url_path("/" + tail)


@pytest.mark.parametrize(
    "path", ["/", "//", "/a/", "/a//b", "/a/./b", "/a/../b", "/../..", "/a/..", "/a/.", "/a/../", "/%2e%2e/b"]
)
def test_canonical_path_of_dots_and_slashes_is_botocores(path: str) -> None:
    assert canonical_path(path) == SigV4Auth(None, "", "")._normalize_url_path(path)


@given(queries)
def test_canonical_query_is_botocores(query: str) -> None:
    assert canonical_query(query) == SigV4Auth(None, "", "").canonical_query_string(
        AWSRequest("GET", "http://localhost/?" + query)
    )
