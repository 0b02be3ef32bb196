import base64
from pathlib import Path

import pytest

from ferryman.bootstrap.configuration import load, split_address
from ferryman.bootstrap.server_keys import read_server_keys
from ferryman.model.failures import Failure

LEAST = """
[server]
account_id = "123456789012"
region = "us-east-1"
public_url = "http://127.0.0.1:7330"
"""


def write(directory: Path, text: str) -> Path:
    path = directory / "ferryman.toml"
    path.write_text(text)
    return path


def test_defaults_suffice(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, LEAST))
    assert loaded.listen_address == ("127.0.0.1", 7330)
    assert loaded.database_url == f"sqlite:///{tmp_path}/ferryman.db"
    assert loaded.configuration.sessions.idle_timeout_minutes == 20
    assert loaded.configuration.log.format == "json"


def test_other_databases_are_left_as_they_are(tmp_path: Path) -> None:
    for url in ("sqlite:////var/lib/ferryman.db", "postgresql://db/ferryman"):
        loaded = load(write(tmp_path, LEAST + f'database = "{url}"\n'))
        assert loaded.database_url == url


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ('account_id = "12"', "server.account_id"),
        ('region = "Mars"', "server.region"),
        ("listen = 7330", "server.listen"),
        ("listen = 'nowhere'", "'nowhere'"),
        ("listen = '127.0.0.1:70000'", "70000"),
        ("colour = 'red'", "colour"),
        ("public_url = 'https://host/path'", "server.public_url"),
        ("public_url = 'ftp://host'", "server.public_url"),
        ("public_url = 'https://[host'", "server.public_url"),
        ("listen = '0.0.0.0:7330'", "plain HTTP"),
        ("tls = {certificate = 'c'}", "server.tls"),
        ("tls = {certificate = 'c', key = 'k', authority = 'a'}", "authority_key"),
        ("[sessions]\nidle_timeout_minutes = 61", "sessions.idle_timeout_minutes"),
        ("[connections]\nuncounted_networks = ['192.0.2.1/24']", "uncounted_networks"),
        ("[connections]\ntrusted_proxies = ['192.0.2.1/24']", "trusted_proxies"),
        ("[connections]\ntrusted_proxies = ['::/0']", "trusted_proxies"),
        ("[connections]\nproxy_header = 'X-Real-IP'", "proxy_header"),
        ("[sessions]\nmax_duration_minutes = 0", "sessions.max_duration_minutes"),
        ("[log]\nlevel = 'loud'", "log.level"),
        ("[logs]", "logs"),
        ("[server", "not TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, change: str, named: str) -> None:
    name = change.partition(" = ")[0]
    kept = [line for line in LEAST.splitlines() if not line.startswith(f"{name} ")]
    path = write(tmp_path, "\n".join([*kept, change]))
    with pytest.raises(Failure, match=r"^[^\n]+$") as caught:
        load(path)
    assert named in caught.value.line
    assert str(path) in caught.value.line or "listen address" in caught.value.line


def test_plain_http_for_other_machines_must_be_said(tmp_path: Path) -> None:
    open_to_all = LEAST + "listen = '0.0.0.0:80'\n"
    assert load(write(tmp_path, open_to_all + "allow_plain_http = true\n")).listen_address[1] == 80
    assert load(write(tmp_path, open_to_all + "tls = {certificate = 'c', key = 'k'}\n"))


def test_a_missing_file_leads_to_init(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"No such file.*ferryman init"):
        load(tmp_path / "ferryman.toml")


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        (base64.b64encode(bytes(32)), 0o644, "chmod 600"),
        (base64.b64encode(bytes(31)), 0o600, "does not contain a server key"),
        (b"not base64!", 0o600, "does not contain a server key"),
        (None, 0o600, "backup"),
    ],
)
def test_a_bad_server_key(tmp_path: Path, content: bytes | None, mode: int, said: str) -> None:
    loaded = load(write(tmp_path, LEAST))
    if content is not None:
        (tmp_path / "server.key").write_bytes(content)
        (tmp_path / "server.key").chmod(mode)
    with pytest.raises(Failure, match=said):
        read_server_keys(loaded)


def test_a_good_server_key(tmp_path: Path) -> None:
    key = bytes(range(32))
    (tmp_path / "server.key").write_bytes(base64.b64encode(key) + b"\n")
    (tmp_path / "server.key").chmod(0o600)
    assert read_server_keys(load(write(tmp_path, LEAST))).keys == (key,)


def test_addresses() -> None:
    assert split_address("[::1]:80") == ("::1", 80)
    assert split_address("localhost:0") == ("localhost", 0)


@pytest.mark.parametrize("user", ["me:hidden@", ":hidden@", "hidden@", "@"])
@pytest.mark.parametrize("table", ["audit.webhook", "access.webhook"])
def test_no_password_is_in_an_address_nor_told(tmp_path: Path, table: str, user: str) -> None:
    webhook = f"[{table}]\nurl = 'https://{user}collector.test/?key=hidden'\nsecret_file = 's'\n"
    with pytest.raises(Failure) as caught:
        load(write(tmp_path, LEAST + webhook))
    assert f"{table}.url" in caught.value.line
    assert "hidden" not in caught.value.line
