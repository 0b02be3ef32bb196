"""Which way leads to a server, by the environment."""

import pytest

from ferryman.transport.errors import Unreachable
from ferryman.transport.proxies import proxies_for, proxy_for

PROXY = "http://proxy.example:3128"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "request_method"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize("url", ["wss://server.example/v1", "https://server.example"])
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy"])
@pytest.mark.parametrize("value", ["proxy.example:3128", PROXY])
def test_a_proxy_may_be_named_without_a_scheme(
    monkeypatch: pytest.MonkeyPatch, url: str, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert proxy_for(url) == PROXY
    assert proxies_for(url) == {"http": PROXY, "https": PROXY}
    assert proxy_for("http://server.example") is None


@pytest.mark.parametrize(
    ("url", "exceptions"),
    [
        ("https://server.example", "*"),
        ("https://server.example", "server.example"),
        ("https://server.example.", "server.example"),
        ("https://SERVER.example", "other.example, Server.Example"),
        ("https://server.example", "example"),
        ("https://server.example", ".example"),
        ("https://server.example", "*.example"),
        ("https://server.example", "server.example:443"),
        ("wss://server.example:8443", "server.example:8443"),
        ("https://10.1.2.3", "10.1.2.3"),
        ("https://10.1.2.3", "10.0.0.0/8"),
        ("https://10.1.2.3:8443", "10.0.0.0/8:8443"),
        ("https://[fd00::1]", "fd00::1"),
        ("https://[fd00::1]", "[fd00::1]"),
        ("https://[fd00::1]:8443", "[fd00::1]:8443"),
        ("https://[fd00::1]", "fd00::/8"),
        ("https://[fd00::1]", "[fd00::/8]"),
        ("https://[fd00::1]", "[fd00::]/8"),
        ("https://[::ffff:10.1.2.3]", "10.0.0.0/8"),
        ("https://server.example", "other.example server.example"),
        ("https://localhost", ""),
        ("https://127.0.0.1", ""),
        ("https://[::1]", ""),
    ],
)
def test_excepted_hosts_are_reached_directly(monkeypatch: pytest.MonkeyPatch, url: str, exceptions: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    monkeypatch.setenv("NO_PROXY", exceptions)
    assert proxy_for(url) is None
    assert proxies_for(url) == {}


@pytest.mark.parametrize(
    ("url", "exceptions"),
    [
        ("https://server.example", ""),
        ("https://server.example", ", ,"),
        ("https://server.example", "erver.example"),
        ("https://server.example", "server.example.org"),
        ("https://server.example", "server.example:8443"),
        ("https://server.example", "10.0.0.0/8"),
        ("https://11.1.2.3", "10.0.0.0/8"),
        ("https://10.1.2.3", "10.1.2"),
        ("https://10.1.2.30", "10.1.2.3"),
        ("https://10.1.2.3", "10.0.0.0/99"),
        ("https://[fd00::1]", "fe00::/8"),
    ],
)
def test_everything_else_goes_through_the_proxy(monkeypatch: pytest.MonkeyPatch, url: str, exceptions: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    monkeypatch.setenv("NO_PROXY", exceptions)
    assert proxy_for(url) == PROXY


@pytest.mark.parametrize("value", ["socks5://user:secret@proxy.example:1080", "http://", "proxy.example:http"])
def test_a_proxy_that_cannot_be_used_is_an_error_without_its_password(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", value)
    with pytest.raises(Unreachable, match=r"^the proxy of HTTPS_PROXY cannot be used: set it to http://HOST:PORT$"):
        proxy_for("https://server.example")
