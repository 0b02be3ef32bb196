"""The console's providers, as the configuration names them."""

from pathlib import Path

import pytest

from ferryman.bootstrap.configuration import load
from ferryman.bootstrap.console.providers import read_providers
from ferryman.bootstrap.service import settings
from ferryman.model.failures import Failure

CONFIGURATION = """
[server]
account_id = "123456789012"
region = "us-east-1"
public_url = "http://127.0.0.1:7330"

[console.providers.company]
name = "The Company"
issuer = "https://id.example.com/realm"
client_id = "console"
roles = ["Admins", "dept/People"]
client_secret_file = "secret"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "ferryman.toml").write_text(CONFIGURATION)
    (tmp_path / "secret").write_text("the secret\n")
    (tmp_path / "secret").chmod(0o600)
    return tmp_path / "ferryman.toml"


def test_a_provider_has_its_roles_and_its_secret(path: Path) -> None:
    (provider,) = read_providers(load(path))
    assert (provider.provider_id, provider.scopes, provider.session_claim) == ("company", "openid email profile", "")
    assert provider.role_arns == (
        "arn:aws:iam::123456789012:role/Admins",
        "arn:aws:iam::123456789012:role/dept/People",
    )
    assert provider.client_secret is not None
    assert provider.client_secret.reveal() == "the secret"
    assert "the secret" not in repr(provider)


def test_only_a_server_reads_the_secret(path: Path) -> None:
    (path.parent / "secret").unlink()
    assert settings(load(path)).console.providers == ()
    with pytest.raises(Failure, match="secret cannot be read"):
        settings(load(path), serving=True)


@pytest.mark.parametrize(("mode", "text", "said"), [(0o644, "s", "open to other users"), (0o600, " \n", "is empty")])
def test_a_secret_that_cannot_be_used_is_refused(path: Path, mode: int, text: str, said: str) -> None:
    (path.parent / "secret").write_text(text)
    (path.parent / "secret").chmod(mode)
    with pytest.raises(Failure, match=said):
        read_providers(load(path))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("https://id", "http://id", "issuer"),
        ("https://id.example.com/realm", "https://[id", "issuer"),
        ("providers.company", "providers.Company", "console.providers"),
        ('["Admins", "dept/People"]', "[]", "roles"),
        ("client_id = ", "client = ", "client"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(path: Path, before: str, after: str, said: str) -> None:
    path.write_text(CONFIGURATION.replace(before, after))
    with pytest.raises(Failure, match=said):
        load(path)
