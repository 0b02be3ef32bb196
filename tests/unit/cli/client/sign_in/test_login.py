"""A login writes its profile, authority, context and credentials together; one that fails changes no file."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import pytest
from typer.testing import CliRunner, Result

from ferryman.bootstrap.keys.certificates import issue
from ferryman.cli.app import app
from ferryman.cli.client.sign_in import invited, server_offer
from ferryman.cli.client.sign_in import login as module
from ferryman.client.calls.api import Connection
from ferryman.client.calls.web_identity import Files, SignedIn
from ferryman.client.login import discovery
from ferryman.client.login.cache import Kept
from ferryman.client.login.contexts import Context, Contexts, read_contexts, write_contexts
from ferryman.client.login.discovery import Discovered
from ferryman.client.login.invitations import InvitationAddress, Redeemed
from ferryman.model.failures import Failure
from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret
from ferryman.wire.discovery import LoginOffer, ServerDescription

URL = "https://sessions.example.com"
MINE = "# mine\n[default]\nregion = eu-north-1\n"
ROLES = ("arn:aws:iam::123456789012:role/People", "arn:aws:iam::123456789012:role/team/Admins")


@pytest.fixture(autouse=True)
def home(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "aws").mkdir()
    (tmp_path / "aws" / "config").write_text(MINE)
    places = {
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / "configuration"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "AWS_CONFIG_FILE": str(tmp_path / "aws" / "config"),
        "PATH": os.environ["PATH"],
    }
    with (
        mock.patch.dict(os.environ, places, clear=True),
        mock.patch.object(module, "_program", return_value="ferryman"),
    ):
        yield tmp_path


def files(home: Path) -> dict[str, bytes]:
    """Every file but locks, which stay."""
    return {
        str(path.relative_to(home)): path.read_bytes()
        for path in home.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    }


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> Callable[[LoginOffer | None], None]:
    """Set what the server offers; it has an authority of its own, which is confirmed."""
    authority = issue("sessions.example.com", datetime.now(UTC)).issuer.certificate.decode()

    def offer(login: LoginOffer | None) -> None:
        async def discover(url: str, ca_file: Path | None, confirm: object) -> Discovered:
            return Discovered(url, ServerDescription(1, "0.1.0", "us-east-1", "1" * 12, login=login), authority)

        monkeypatch.setattr(discovery, "discover", discover)

    offer(LoginOffer("https://id.example.com", "cli", ROLES[:1]))
    return offer


@pytest.fixture
def signed_in(monkeypatch: pytest.MonkeyPatch, offered: object) -> list[str]:
    """What the profile was while the person signed in."""
    seen: list[str] = []

    async def sign_in(files: Files, connection: Connection, wanted: object, *, device: bool) -> Kept:
        assert files.authorities is not None
        assert files.authorities.read_text().startswith("-----BEGIN CERTIFICATE-----")
        seen.append(files.config.read_text())
        credentials = Credentials("ASIAEXAMPLE", Secret("secret"), Secret("token"))
        return Kept.of("binding", SignedIn(credentials, datetime.now(UTC) + timedelta(hours=1), "arn"), None)

    monkeypatch.setattr(module, "sign_in", sign_in)
    return seen


def login(*options: str) -> Result:
    return CliRunner().invoke(app, ["login", URL, *options])


def test_the_address_is_enough(home: Path, signed_in: list[str]) -> None:
    done = login()
    assert done.exit_code == 0, done.exception
    config = (home / "aws" / "config").read_text()
    assert config.startswith(MINE)
    authority = home / "configuration" / "ferryman" / "ca" / "sessions.example.com.pem"
    for line in (
        "[profile sessions.example.com]",
        "region = us-east-1",
        f"ca_bundle = {authority}",
        "ferryman_issuer = https://id.example.com",
        f"ferryman_role_arn = {ROLES[0]}",
        "credential_process = ferryman credentials --profile sessions.example.com",
        f"  endpoint_url = {URL}",
    ):
        assert line in config.splitlines()
    contexts = read_contexts()
    context = contexts.get(contexts.current)
    assert (contexts.current, context.server, context.ca_file) == ("sessions.example.com", URL, str(authority))
    assert "current context is now sessions.example.com" in done.stdout
    private = [path for path in home.rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in private if path.name != "config.before-ferryman"} == {0o600}
    assert (home / "configuration" / "ferryman").stat().st_mode & 0o777 == 0o700
    assert (home / "aws" / "config.before-ferryman").read_text() == MINE


def test_a_sign_in_that_fails_leaves_nothing(home: Path, signed_in: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object, **__: object) -> Kept:
        raise Failure("The provider refused the sign-in")

    monkeypatch.setattr(module, "sign_in", fail)
    before = files(home)
    assert isinstance(login().exception, Failure)
    assert files(home) == before


@pytest.mark.parametrize("interrupted", [KeyboardInterrupt, OSError])
def test_a_sign_in_that_is_interrupted_leaves_nothing(
    home: Path, signed_in: list[str], monkeypatch: pytest.MonkeyPatch, interrupted: type[BaseException]
) -> None:
    async def interrupt(*_: object, **__: object) -> Kept:
        raise interrupted

    monkeypatch.setattr(module, "sign_in", interrupt)
    before = files(home)
    assert login().exit_code
    assert files(home) == before


@pytest.mark.parametrize("step", range(5))
@pytest.mark.parametrize("again", [False, True])
def test_a_file_that_cannot_be_written_leaves_all_as_they_were(
    home: Path, signed_in: list[str], monkeypatch: pytest.MonkeyPatch, step: int, again: bool
) -> None:
    if again:
        assert login("--duration", "3600").exit_code == 0
    before = files(home)
    rename, renamed = Path.replace, 0

    def failing(self: Path, target: Path) -> Path:
        nonlocal renamed
        renamed += 1
        if renamed == step + 1:
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    done = login("--duration", "900")
    assert renamed > step, "there are fewer steps than this test believes"
    assert isinstance(done.exception, OSError)
    assert files(home) == before


@pytest.mark.parametrize("place", ["aws", "configuration", "cache"])
def test_a_place_that_cannot_be_written_is_found_before_the_sign_in(
    home: Path, signed_in: list[str], place: str
) -> None:
    if place == "aws":
        os.environ["AWS_CONFIG_FILE"] = str(home / "file" / "config")
        (home / "file").write_text("")
    else:
        (home / place).write_text("")
    before = files(home)
    assert isinstance(login().exception, OSError | Failure)
    assert (signed_in, files(home)) == ([], before)


def test_what_others_wrote_meanwhile_is_kept(home: Path, signed_in: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    real = vars(module)["sign_in"]

    async def slow(*given: object, **more: object) -> Kept:
        with (home / "aws" / "config").open("a") as file:
            file.write("\n[profile work]\nregion = us-west-2\n")
        return await real(*given, **more)  # type: ignore[no-any-return]

    monkeypatch.setattr(module, "sign_in", slow)
    assert login().exit_code == 0
    assert "[profile work]\nregion = us-west-2\n" in (home / "aws" / "config").read_text()


@pytest.mark.parametrize(
    ("offer", "options", "said"),
    [
        (None, [], "Ask your administrator for an invitation"),
        (LoginOffer("https://id", "c"), [], "Pass --role-arn"),
        (LoginOffer("https://id", "c", ROLES), [], "several roles.*People, team/Admins.*--role"),
        (LoginOffer("https://id", "c", ROLES), ["--role", "Root"], "offers no role Root.*People, team/Admins"),
    ],
)
def test_an_offer_that_is_not_enough(
    home: Path,
    signed_in: list[str],
    offered: Callable[[LoginOffer | None], None],
    offer: LoginOffer | None,
    options: list[str],
    said: str,
) -> None:
    offered(offer)
    before = files(home)
    done = login(*options)
    assert isinstance(done.exception, Failure)
    with pytest.raises(Failure, match=said):
        raise done.exception
    assert (signed_in, files(home)) == ([], before)


@pytest.mark.parametrize("role", ["team/Admins", "Admins", ROLES[1]])
def test_one_of_several_roles_is_chosen(
    home: Path, signed_in: list[str], offered: Callable[[LoginOffer | None], None], role: str
) -> None:
    offered(LoginOffer("https://id", "c", ROLES))
    assert login("--role", role, "--profile", "admins").exit_code == 0
    config = (home / "aws" / "config").read_text()
    assert "[profile admins]" in config
    assert f"ferryman_role_arn = {ROLES[1]}\n" in config


def test_a_name_that_another_server_has_is_not_taken_over(home: Path, signed_in: list[str]) -> None:
    write_contexts(Contexts({"sessions.example.com": Context("https://sessions.example.com:443", "lab")}, "lab"))
    before = files(home)
    assert "is another server's: https://sessions.example.com:443" in str(login().exception)
    assert (signed_in, files(home)) == ([], before)
    assert login("--profile", "mine").exit_code == 0


def test_a_server_that_names_anothers_client_gets_no_token_unasked(
    home: Path, signed_in: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert login("--profile", "real").exit_code == 0
    config = home / "aws" / "config"
    config.write_text(config.read_text().replace(URL, "https://real.example.com"))
    before = files(home)
    said = "names the provider and client id of https://real.example.com, your profile real"
    assert said in str(login().exception)
    monkeypatch.setattr(server_offer, "_can_ask", lambda: True)
    refused = CliRunner().invoke(app, ["login", URL], input="n\n")
    assert said in str(refused.exception)
    assert (len(signed_in), files(home)) == (1, before)
    assert CliRunner().invoke(app, ["login", URL], input="y\n").exit_code == 0
    monkeypatch.undo()


def test_who_names_provider_and_client_is_not_asked(home: Path, signed_in: list[str]) -> None:
    assert login("--profile", "real").exit_code == 0
    config = home / "aws" / "config"
    config.write_text(config.read_text().replace(URL, "https://real.example.com"))
    assert login("--issuer", "https://id.example.com", "--client-id", "cli").exit_code == 0


@pytest.mark.parametrize("address", ["HTTPS://Sessions.example.com", "sessions.example.com", f"{URL}/"])
def test_an_invitation_is_redeemed_where_the_server_was_found(
    home: Path, offered: object, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    asked: list[tuple[str, bool]] = []

    async def redeem(invitation: InvitationAddress, ca_file: Path | None) -> Redeemed:
        asked.append((invitation.server, ca_file is not None))
        return Redeemed("alice", Credentials("AKIAEXAMPLE", Secret("secret")))

    monkeypatch.setattr(invited, "redeem", redeem)
    fragment = f"{'0' * 8}-0000-0000-0000-{'0' * 12}.{'a' * 32}"
    done = CliRunner().invoke(app, ["login", f"{address.rstrip('/')}/invite#{fragment}"])
    assert done.exit_code == 0, done.exception
    assert asked == [(URL, True)]


def test_a_role_is_chosen_by_its_number(
    home: Path, signed_in: list[str], offered: Callable[[LoginOffer | None], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    offered(LoginOffer("https://id", "c", ROLES))
    monkeypatch.setattr(server_offer, "_can_ask", lambda: True)
    done = CliRunner().invoke(app, ["login", URL], input="0\nx\n3\n2\n")
    assert done.exit_code == 0, done.exception
    assert done.stderr.count("Choose a number from 1 to 2.") == 2
    assert f"ferryman_role_arn = {ROLES[1]}\n" in (home / "aws" / "config").read_text()


def test_options_about_a_server_need_its_address(home: Path) -> None:
    done = CliRunner().invoke(app, ["login", "--role", "People"])
    assert "--role needs the server's address" in str(done.exception)


def test_a_fingerprint_that_is_not_one_is_refused(home: Path) -> None:
    assert "is not a fingerprint" in str(login("--ca-fingerprint", "AB:CD").exception)
