import pytest

from ferryman.cli.client.forward_specs import Specification, parse
from ferryman.client.library.port_sessions import Destination
from ferryman.model.failures import Failure


@pytest.mark.parametrize(
    ("text", "bind", "local", "host", "port"),
    [
        ("80", None, 80, None, 80),
        ("8080:80", None, 8080, None, 80),
        ("0:80", None, 0, None, 80),
        ("5432:db.internal:5432", None, 5432, "db.internal", 5432),
        ("0.0.0.0:8080:80", "0.0.0.0", 8080, None, 80),  # noqa: S104
        ("localhost:1:db:2", "localhost", 1, "db", 2),
        ("[::1]:1:[2001:db8::1]:65535", "::1", 1, "2001:db8::1", 65535),
    ],
)
def test_what_is_forwarded(text: str, bind: str | None, local: int, host: str | None, port: int) -> None:
    assert parse(text) == Specification(bind, local, Destination(port, host))


@pytest.mark.parametrize(
    "text", ["", ":", "80:", ":80", "x", "0", "1:0", "1:65536", "1:-1", "a:b:c", "1:2:3:4:5", "[::1", "²"]
)
def test_an_invalid_forward_is_refused(text: str) -> None:
    with pytest.raises(Failure, match="cannot be forwarded"):
        parse(text)
