"""Keys that systemd passes to the server as a credential."""

import base64
from pathlib import Path

import pytest

from ferryman.bootstrap.configuration import load
from ferryman.bootstrap.keys.server_keys import read_server_keys
from ferryman.cli.operate.init import ServerPlan, initialise
from ferryman.model.failures import Failure


def test_a_credential_goes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load(initialise(ServerPlan(tmp_path / "server")).configuration)
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    in_file = read_server_keys(loaded).keys
    (credentials / "server.key").write_bytes(base64.b64encode(bytes(range(32))))
    (credentials / "server.key").chmod(0o440)  # what an ACL for the service's account looks like
    assert read_server_keys(loaded).keys == (bytes(range(32)),) != in_file


def test_a_credential_that_is_not_a_key_is_not_replaced_by_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load(initialise(ServerPlan(tmp_path / "server")).configuration)
    (tmp_path / "server.key").write_text("not a key")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(Failure, match=r"The credential server\.key does not contain a server key"):
        read_server_keys(loaded)
