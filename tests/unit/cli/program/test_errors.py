"""Every command that calls a server, against addresses that cannot work: one line, which says what to do."""

import shlex
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from urllib3.exceptions import NewConnectionError

from ferryman.cli.main import main
from ferryman.cli.program.catalogue import EXAMPLES
from ferryman.client.calls import endpoints
from ferryman.client.calls.endpoints import Absent, log_in, unreachable
from tests.unit.cli.program.command_tree import EVERY

CALLING = sorted(path for path, command in EVERY.items() if any(each.name == "endpoint_url" for each in command.params))
OTHERWISE = {"doctor", "login", "agent register"}
"""Commands that say what is wrong in their own way; still on one line for each problem, and without a traceback."""
ADDRESSES = ("sessions.example.com:7330", "http://127.0.0.1:99999", "https://[::1", "http://", "ftp://example.com", "")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run a command in this process, as on a machine with a key and nothing else."""
    for name, value in {
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
        "XDG_STATE_HOME": str(tmp_path),
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
        "FERRYMAN_ACTIVATION_CODE": "code-of-twenty-chars",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "FERRYMAN_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)

    def run_(*arguments: str, key: bool = True) -> tuple[int, str, str]:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            if key:
                monkeypatch.setenv(name, "key")
            else:
                monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr("sys.argv", ["ferryman", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        return int(ended.value.code or 0), out, err

    return run_


def words_of(path: str) -> list[str]:
    """Return a way to call the command: its first example, without the address in it."""
    example = EXAMPLES[path][0].removeprefix('eval "$(').removesuffix(')"').partition(" >")[0]
    words = shlex.split(example)[1:]
    if "--endpoint-url" in words:
        at = words.index("--endpoint-url")
        del words[at : at + 2]
    return words


def with_options(words: list[str], *options: str) -> list[str]:
    at = words.index("--") if "--" in words else len(words)
    return [*words[:at], *options, *words[at:]]


def test_every_command_is_here() -> None:
    assert len(CALLING) > 25
    assert set(CALLING) >= OTHERWISE


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("path", CALLING)
def test_an_address_that_cannot_work_is_named(path: str, address: str, run: Run) -> None:
    region = [] if path == "agent register" else ["--region", "us-east-1"]
    status, out, err = run(*with_options(words_of(path), f"--endpoint-url={address}", *region))
    assert "Traceback" not in out + err
    if path in OTHERWISE:
        assert status in (1, 2)
        assert len(err.splitlines()) <= 1
        return
    assert status == (255 if path == "run" else 1)
    assert err.startswith("ferryman: The endpoint cannot be used: ")
    assert (address or "an empty text") in err
    assert "https://HOST[:PORT]" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("path", sorted(set(CALLING) - OTHERWISE))
def test_without_a_profile_every_command_says_how_to_get_one(path: str, run: Run) -> None:
    status, _, err = run(*words_of(path), key=False)
    assert status == (255 if path == "run" else 1)
    assert "No Ferryman server is configured" in err
    assert "ferryman login" in err
    assert "ferryman init" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(("mode", "is_hinted"), [(0o640, True), (0o644, False), (None, False)])
def test_on_a_servers_own_machine_sudo_is_named(
    mode: int | None, *, is_hinted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ferryman.toml"
    if mode is not None:
        file.touch()
    monkeypatch.setattr(endpoints, "SERVER_FILE", file)
    monkeypatch.setattr("os.access", lambda _path, _mode: mode == 0o644)  # tests may be root's
    assert ("with `sudo`" in log_in()) is is_hinted
    assert log_in().startswith("Sign in with `ferryman login")


@pytest.mark.parametrize("path", ["nodes", "doctor", "shell"])
def test_a_port_that_nobody_listens_on_is_said(path: str, run: Run, unused_tcp_port: int) -> None:
    address = f"http://127.0.0.1:{unused_tcp_port}"
    _, out, err = run(*words_of(path), "--endpoint-url", address, "--region", "us-east-1")
    assert "nothing is listening" in out + err
    assert address in out + err
    assert "Traceback" not in out + err


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionRefusedError(111, "refused"), "nothing is listening there"),
        (TimeoutError(), "too slow"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"), "does not speak TLS. Use http://"),
        (OSError(5, "something else"), "something in between may block"),
    ],
)
def test_causes_inside_other_errors_are_found(error: Exception, said: str) -> None:
    outer = NewConnectionError(None, "no")  # type: ignore[arg-type]
    outer.__cause__ = error
    assert said in unreachable(outer, "https://sessions.example.com").line


def test_an_expired_certificate_is_not_a_matter_of_trust() -> None:
    error = ssl.SSLCertVerificationError("certificate has expired")
    error.verify_message = "certificate has expired"
    failure = unreachable(error, "https://sessions.example.com")
    assert "certificate has expired. Renew it on the server" in failure.line
    assert not isinstance(failure, Absent)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nodes", "--status", "gone"), "'gone' is not one of Online, ConnectionLost, Inactive"),
        (("sessions", "list", "--status", "x"), "'x' is not one of Connecting, Connected"),
        (("access", "list", "--status", "maybe"), "'maybe' is not one of Pending, Approved"),
        (("user", "role", "alice", "king"), "'king' is not one of"),
        (("nodes", "--interval", "often"), "'often' is not a number"),
        (("nodes", "--output", "xml"), "'xml' is not one of table, wide, json, csv"),
        (("agent", "run", "--log-level", "loud"), "'loud' is not one of debug, info, warning, error"),
    ],
)
def test_an_unknown_value_is_answered_with_those_there_are(arguments: tuple[str, ...], said: str, run: Run) -> None:
    status, _, err = run(*arguments)
    assert status == 2
    assert said in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments", [("nodes", "--status", "ONLINE"), ("access", "list", "--status", "pending"), ("nodes", "-o", "JSON")]
)
def test_values_may_be_typed_in_any_case(arguments: tuple[str, ...], run: Run) -> None:
    _, _, err = run(*arguments, "--endpoint-url", "here", "--region", "us-east-1")
    assert "The endpoint cannot be used" in err
