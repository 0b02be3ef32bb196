"""What a profile says of its sign-in, what is kept of one, and what AWS's programs are given."""

import fcntl
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ferryman.cli.app import app
from ferryman.cli.client.sign_in import credentials as module
from ferryman.cli.client.sign_in.provider import named_session
from ferryman.client.calls.api import Connection
from ferryman.client.calls.web_identity import SignedIn
from ferryman.client.login.cache import Kept, LoginCache
from ferryman.model.failures import Failure
from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret
from tests.waiting import PATIENCE

SETTINGS = """\
[profile people]
region = us-east-1
endpoint_url = http://127.0.0.1:1
ferryman_issuer = https://id.example.com
ferryman_client_id = cli
ferryman_role_arn = arn:aws:iam::123456789012:role/People
"""
BINDING = "https://id.example.com\ncli\narn:aws:iam::123456789012:role/People\nhttp://127.0.0.1:1"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config"
    path.write_text(SETTINGS)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(path))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return path


def keep(config: Path, minutes: float, refresh: str | None = None) -> Kept:
    expires = datetime.now(UTC) + timedelta(minutes=minutes)
    credentials = Credentials("ASIAEXAMPLE", Secret("secret"), Secret("token"))
    cache = LoginCache(config, "people")
    kept = Kept.of(BINDING, SignedIn(credentials, expires, "arn"), None if refresh is None else Secret(refresh))
    cache.write(kept)
    return kept


def given() -> Any:
    done = CliRunner().invoke(app, ["credentials", "--profile", "people"])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return json.loads(done.stdout)


def test_cached_credentials_are_used_until_they_expire(config: Path) -> None:
    kept = keep(config, 5)
    printed = given()
    assert printed.pop("Expiration") == kept.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert printed == {
        "Version": 1,
        "AccessKeyId": "ASIAEXAMPLE",
        "SecretAccessKey": "secret",
        "SessionToken": "token",
    }
    keep(config, -1)
    with pytest.raises(Failure, match=r"not signed in.*ferryman login --profile people"):
        given()


def test_cached_credentials_belong_to_one_server_one_role_and_one_owner(config: Path) -> None:
    keep(config, 60)
    config.write_text(SETTINGS.replace("127.0.0.1:1", "evil.example"))
    with pytest.raises(Failure, match="not signed in"):
        given()
    config.write_text(SETTINGS)
    given()
    path = LoginCache(config, "people").path
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    path.chmod(0o640)
    with pytest.raises(Failure, match="open to other users"):
        given()
    assert LoginCache(config, "people").path != LoginCache(config.with_name("other"), "people").path


def test_credentials_are_renewed_early_and_without_that_used_to_their_end(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> Kept:
        raise Failure("The provider refused the sign-in")

    async def renew(path: Path, profile: str, connection: Connection, wanted: object, kept: Kept) -> Kept:
        assert kept.refresh_token == "again"
        return keep(config, 60, "again")

    monkeypatch.setattr(module, "renew", refuse)
    keep(config, 60, "again")
    given()
    keep(config, 10, "again")
    given()
    keep(config, -1, "again")
    with pytest.raises(Failure, match="refused"):
        given()
    monkeypatch.setattr(module, "renew", renew)
    before = keep(config, 10, "again").expires_at
    assert given()["Expiration"] > before.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_one_of_many_programs_renews_and_the_others_wait(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many a provider takes a refresh token once, and takes a second use for theft."""
    looked = threading.Event()
    read = LoginCache.read

    def reading(self: LoginCache, binding: str) -> Kept | None:
        kept = read(self, binding)
        looked.set()
        return kept

    async def never(*_: object) -> Kept:
        raise AssertionError("it was renewed twice")

    monkeypatch.setattr(LoginCache, "read", reading)
    monkeypatch.setattr(module, "renew", never)
    keep(config, 10, "again")
    with ThreadPoolExecutor(1) as other:
        with LoginCache(config, "people").alone():
            waiting = other.submit(given)
            assert looked.wait(PATIENCE)
            renewed = keep(config, 60, "next")
        assert waiting.result(PATIENCE)["Expiration"] == renewed.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_what_names_a_session() -> None:
    claims = {"sub": "auth0|7", "email": "shirley@example.com", "short": "x", "number": 7, "long": "é" * 70}
    assert named_session(claims, "") == "shirley@example.com"
    assert named_session({"sub": "auth0|7"}, "") == "auth0_7"
    assert named_session(claims, "sub") == "auth0_7"
    assert named_session(claims, "long") == "_" * 64
    for claim in ("none", "short", "number"):
        with pytest.raises(Failure, match=claim):
            named_session(claims, claim)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("aws_access_key_id = AKIA", "used for something else.*aws_access_key_id"),
        ("role_arn = arn:aws:iam::1:role/x", "used for something else.*role_arn"),
        ("credential_process = other-program", "used for something else.*credential_process"),
        ("ferryman_unknown = 1", "ferryman_unknown"),
        ("ferryman_redirect_port = x", "ferryman_redirect_port"),
    ],
)
def test_profiles_that_are_not_signed_in(config: Path, more: str, said: str) -> None:
    config.write_text(SETTINGS + more + "\n")
    done = CliRunner().invoke(app, ["login", "--profile", "people"])
    assert isinstance(done.exception, Failure)
    with pytest.raises(Failure, match=said):
        raise done.exception
    assert config.read_text() == SETTINGS + more + "\n"


def test_a_profile_with_keys_in_the_other_file_is_left_alone(config: Path) -> None:
    config.with_name("credentials").write_text("[people]\naws_access_key_id = AKIA\n")
    done = CliRunner().invoke(app, ["login", "--profile", "people"])
    assert "credentials file has keys" in str(done.exception)


def test_a_sign_in_is_forgotten(config: Path) -> None:
    keep(config, 60)
    assert "Signed out" in CliRunner().invoke(app, ["logout", "--profile", "people"]).stdout
    assert "was not signed in" in CliRunner().invoke(app, ["logout", "--profile", "people"]).stdout


def test_a_sign_in_that_is_forgotten_while_it_is_renewed_stays_forgotten(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(config, 10, "again")
    cache = LoginCache(config, "people")
    waits = threading.Event()
    lock = fcntl.flock

    def locking(descriptor: int, kind: int) -> None:
        waits.set()
        lock(descriptor, kind)

    with ThreadPoolExecutor(1) as other:
        with cache.alone():
            monkeypatch.setattr(fcntl, "flock", locking)
            forgetting = other.submit(LoginCache(config, "people").forget)
            assert waits.wait(PATIENCE)
            keep(config, 60, "next")
        assert forgetting.result(PATIENCE)
    assert not cache.path.exists()
