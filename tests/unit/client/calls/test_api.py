"""What the client takes from the environment, as the AWS CLI does."""

import contextlib
from pathlib import Path

import pytest

from ferryman.client.calls.api import Connection, connect
from ferryman.client.calls.aws_session import open_session
from ferryman.model.failures import Failure

ENDPOINT = "http://127.0.0.1:1"


@pytest.fixture(autouse=True)
def _environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "config").write_text("[default]\nregion = eu-west-3\n[profile bare]\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")


@pytest.mark.parametrize(
    ("given", "variables", "region"),
    [
        ("eu-west-4", {"AWS_REGION": "eu-west-1"}, "eu-west-4"),
        (None, {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-1"),
        (None, {"AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-2"),
        (None, {}, "eu-west-3"),
    ],
)
def test_the_region(monkeypatch: pytest.MonkeyPatch, given: str | None, variables: dict[str, str], region: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert connect(Connection(region=given, endpoint_url=ENDPOINT)).region == region


def test_no_region() -> None:
    with pytest.raises(Failure, match="AWS_REGION"):
        connect(Connection(profile="bare", endpoint_url=ENDPOINT))


@pytest.mark.parametrize(
    ("endpoint", "refused"),
    [
        (None, True),
        ("https://ssm.us-east-1.amazonaws.com", True),
        ("https://ssm.cn-north-1.amazonaws.com.cn:443", True),
        ("https://amazonaws.com.example.com", False),
        ("https://sessions.example.com/.amazonaws.com", False),
        ("https://ssmmessages.us-east-1.amazonaws.com", False),
    ],
)
def test_calls_go_to_aws_by_no_default(endpoint: str | None, refused: bool) -> None:
    with pytest.raises(Failure, match="would go to AWS") if refused else contextlib.nullcontext():
        connect(Connection(region="us-east-1", endpoint_url=endpoint))


@pytest.mark.parametrize(
    "endpoint", [f"http://{'a' * 70}.invalid", "http://.invalid", "http://127.0.0.1:99999", "here"]
)
def test_an_endpoint_that_is_not_an_address_is_named(endpoint: str) -> None:
    with pytest.raises(Failure, match=r"The endpoint cannot be used: .* is not the address of a server") as caught:
        connect(Connection(endpoint_url=endpoint))
    assert endpoint in caught.value.line


@pytest.mark.parametrize(
    ("proxy", "exceptions", "proxies"),
    [
        ("proxy.example:3128", "", {"http": "http://proxy.example:3128", "https": "http://proxy.example:3128"}),
        ("proxy.example:3128", "10.0.0.0/8", {}),
    ],
)
def test_calls_take_the_proxy_that_sessions_take(
    monkeypatch: pytest.MonkeyPatch, proxy: str, exceptions: str, proxies: dict[str, str]
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.setenv("NO_PROXY", exceptions)
    api = connect(Connection(endpoint_url="https://10.1.2.3"))
    assert api.client.meta.config.proxies == proxies


def test_a_proxy_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://proxy.example")
    with pytest.raises(Failure, match="the proxy of HTTPS_PROXY cannot be used"):
        connect(Connection(endpoint_url="https://10.1.2.3"))


@pytest.mark.parametrize("service", ["sso", "sso-oidc", "sts"])
def test_profiles_can_get_credentials_from_other_services(service: str) -> None:
    client = open_session(None).create_client(service, region_name="eu-west-1")
    assert client.meta.endpoint_url.startswith("https://")


def test_a_profile_that_is_not_signed_in_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "config").write_text(
        "[profile centre]\nregion = eu-west-1\nsso_session = centre\nsso_account_id = 1\nsso_role_name = role\n"
        "[sso-session centre]\nsso_region = eu-west-1\nsso_start_url = https://centre.example.com/start\n"
    )
    api = connect(Connection(profile="centre", endpoint_url=ENDPOINT))
    with pytest.raises(Failure, match=r"no credentials to sign with: .*centre does not exist.*aws sso login"):
        api.call("DescribeInstanceInformation")
