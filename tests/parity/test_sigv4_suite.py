"""AWS's published suite of SigV4 requests: its cases written out here, its published signatures as what must come out.

Where a server must be stricter than a signer, the case says so: the suite signs what a proxy could read otherwise.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret
from ferryman.signing import sigv4
from ferryman.signing.canonical import SignableRequest
from ferryman.signing.errors import InvalidSignature

NOW = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
KEY = Credentials("AKIDEXAMPLE", Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"))
HOST = ("Host", "example.amazonaws.com")
UNRESERVED = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
FORM = ("Content-Type", "application/x-www-form-urlencoded")
TOKEN = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI"
    "/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xV"
    "qr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)


@dataclass(frozen=True)
class Case:
    name: str
    signature: str
    method: str = "GET"
    path: str = "/"
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    @property
    def request(self) -> SignableRequest:
        return SignableRequest(self.method, self.path, self.query, [HOST, *self.headers], self.body)


VANILLA = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
SLASHED = "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"
POSTED = "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
CASES = [
    Case("get-vanilla", VANILLA),
    Case(
        "get-vanilla-empty-query-key",
        "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
        query="Param1=value1",
    ),
    Case("get-vanilla-query", VANILLA),
    Case(
        "get-vanilla-query-order-key-case",
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        query="Param2=value2&Param1=value1",
    ),
    Case(
        "get-vanilla-query-order-key",
        "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1",
        query="Param1=value2&Param1=Value1",
    ),
    Case(
        "get-vanilla-query-order-value",
        "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694",
        query="Param1=value2&Param1=value1",
    ),
    Case(
        "get-vanilla-query-unreserved",
        "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
        query=f"{UNRESERVED}={UNRESERVED}",
    ),
    Case("get-vanilla-utf8-query", "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04", query="ሴ=bar"),
    Case("get-unreserved", "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f", path=f"/{UNRESERVED}"),
    Case("get-utf8", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85", path="/ሴ"),
    Case("get-relative", VANILLA, path="/example/.."),
    Case("get-relative-relative", VANILLA, path="/example1/example2/../.."),
    Case("get-slash", VANILLA, path="//"),
    Case("get-slash-dot-slash", VANILLA, path="/./"),
    Case(
        "get-slash-pointless-dot", "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5", path="/./example"
    ),
    Case("get-slashes", SLASHED, path="//example//"),
    Case("get-space", "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741", path="/example space/"),
    Case(
        "get-header-value-trim",
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        headers=(("My-Header1", " value1"), ("My-Header2", ' "a   b   c"')),
    ),
    Case("post-vanilla", POSTED, "POST"),
    Case("post-header-key-case", POSTED, "POST"),
    Case(
        "post-header-key-sort",
        "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
        "POST",
        headers=(("My-Header1", "value1"),),
    ),
    Case(
        "post-header-value-case",
        "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
        "POST",
        headers=(("My-Header1", "VALUE1"),),
    ),
    Case(
        "post-vanilla-query",
        "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
        "POST",
        query="Param1=value1",
    ),
    Case(
        "post-x-www-form-urlencoded",
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        "POST",
        headers=(FORM,),
        body=b"Param1=value1",
    ),
    Case(
        "post-x-www-form-urlencoded-parameters",
        "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe",
        "POST",
        headers=((FORM[0], FORM[1] + "; charset=utf8"),),
        body=b"Param1=value1",
    ),
    Case(
        "post-sts-header-before",
        "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
        "POST",
        headers=(("X-Amz-Security-Token", TOKEN),),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_published_signature(case: Case) -> None:
    token = dict(case.headers).get("X-Amz-Security-Token")
    credentials = Credentials(KEY.access_key_id, KEY.secret_access_key, None if token is None else Secret(token))
    added = sigv4.sign(case.request, credentials, "us-east-1", "service", NOW)
    assert added["Authorization"].rpartition("Signature=")[2] == case.signature


def received(case: Case, signed_names: str) -> SignableRequest:
    scope = "AKIDEXAMPLE/20150830/us-east-1/service/aws4_request"
    authorization = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={signed_names}, Signature={case.signature}"
    headers = [*case.request.headers, ("X-Amz-Date", "20150830T123600Z"), ("Authorization", authorization)]
    return SignableRequest(case.method, case.path, case.query, headers, case.body)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_published_signature_verifies(case: Case) -> None:
    names = sorted(name.lower() for name, _ in [*case.request.headers, ("X-Amz-Date", "")])
    request = received(case, ";".join(names))
    sigv4.verify(request, sigv4.parse(request), KEY.secret_access_key, NOW)


# Refused before the signature is looked at, so any will do. The suite's folded header is in
# tests/server/listener/test_smuggling.py: no HTTP server may take it.
STRICTER = [
    (
        Case(
            "get-header-key-duplicate",
            VANILLA,
            headers=(("My-Header1", "value2"), ("My-Header1", "value2"), ("My-Header1", "value1")),
        ),
        "host;my-header1;x-amz-date",
        "is in the request more than once",
    ),
    (
        Case(
            "get-header-value-order",
            VANILLA,
            headers=(
                ("My-Header1", "value4"),
                ("My-Header1", "value1"),
                ("My-Header1", "value3"),
                ("My-Header1", "value2"),
            ),
        ),
        "host;my-header1;x-amz-date",
        "is in the request more than once",
    ),
    (
        Case("post-sts-header-after", POSTED, "POST", headers=(("X-Amz-Security-Token", TOKEN),)),
        "host;x-amz-date",
        "were not signed: 'x-amz-security-token'",
    ),
]


@pytest.mark.parametrize(
    ("case", "names", "reason"), STRICTER, ids=lambda each: each.name if isinstance(each, Case) else ""
)
def test_signatures_of_the_suite_that_a_server_must_not_accept(case: Case, names: str, reason: str) -> None:
    request = received(case, names)
    with pytest.raises(InvalidSignature, match=reason):
        sigv4.parse(request)
