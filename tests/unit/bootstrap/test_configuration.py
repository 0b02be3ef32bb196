import base64
from pathlib import Path

import pytest

from ferryman.bootstrap import configuration_file
from ferryman.bootstrap.configuration import load, split_address
from ferryman.bootstrap.configuration_file import find_configuration
from ferryman.bootstrap.keys.server_keys import read_server_keys
from ferryman.bootstrap.recordings.outputs import reach
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
    assert loaded.configuration.log.format is None


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
        ("[console]\npath = '/'", "console.path"),
        ("[console]\npath = '/console/'", "console.path"),
        ("[console]\npath = '/v1/x'", "console.path"),
        ("[console]\npath = '/../x'", "console.path"),
        ("[console]\nlisten = '127.0.0.1:7331'", "console.public_url"),
        ("[console]\npublic_url = 'https://host/path'", "console.public_url"),
        ("[console]\npublic_url = 'https://[host'", "console.public_url"),
        ("[console]\npublic_url = 'https://a@host'", "console.public_url"),
        ("[console]\nlisten = '0.0.0.0:7331'\npublic_url = 'https://host'", "plain HTTP on 0.0.0.0:7331"),
        ("[console]\nidle_minutes = 0", "console.idle_minutes"),
        ("[connections]\nproxy_header = 'X-Real-IP'", "proxy_header"),
        ("[sessions]\nmax_duration_minutes = 0", "sessions.max_duration_minutes"),
        ("[log]\nlevel = 'loud'", "log.level"),
        ("[logs]", "logs"),
        ("[server", "not TOML"),
        ("[server]", "twice (at line"),
        ("[server]", "second heading under the first"),
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


def test_plain_http_for_other_machines_must_be_allowed_explicitly(tmp_path: Path) -> None:
    open_to_all = LEAST + "listen = '0.0.0.0:80'\n"
    assert load(write(tmp_path, open_to_all + "allow_plain_http = true\n")).listen_address[1] == 80
    assert load(write(tmp_path, open_to_all + "tls = {certificate = 'c', key = 'k'}\n"))


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        ("[sesions]", "Did you mean sessions? The tables are access, audit,"),
        ("[audit]\nretention_day = 1", "Did you mean retention_days? [audit] has agent_calls, checkpoint_records,"),
        ("[audit.webhok]", "Did you mean webhook?"),
        ("[log]\nlevel = 'INFO'", 'Did you mean "info"? Use "debug" or "error" or "info" or "warning"'),
        ("[log]\nformat = 'xml'", 'Use "json" or "text"'),
    ],
)
def test_advice_names_what_would_be_right(tmp_path: Path, change: str, advice: str) -> None:
    with pytest.raises(Failure) as caught:
        load(write(tmp_path, LEAST + change))
    assert advice in caught.value.line


@pytest.mark.parametrize(("here", "of_the_system"), [(True, True), (True, False), (False, True)])
def test_a_configuration_that_nobody_named_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: bool, of_the_system: bool
) -> None:
    place, system = tmp_path / "here", tmp_path / "etc" / "ferryman.toml"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.setattr(configuration_file, "SYSTEM_FILE", system)
    if here:
        write(place, LEAST)
    if of_the_system:
        system.parent.mkdir()
        write(system.parent, LEAST)
    assert load(find_configuration()).directory == (place if here else system.parent)


def test_without_a_configuration_the_places_that_were_searched_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(configuration_file, "SYSTEM_FILE", tmp_path / "etc" / "ferryman.toml")
    with pytest.raises(Failure) as caught:
        load(find_configuration())
    assert f"neither ./ferryman.toml nor {tmp_path}/etc/ferryman.toml exists" in caught.value.line


def test_a_file_that_only_the_variable_names_is_blamed_on_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FERRYMAN_CONFIG", str(tmp_path / "gone.toml"))
    with pytest.raises(Failure, match="FERRYMAN_CONFIG names it"):
        load(tmp_path / "gone.toml")


def test_a_missing_file_is_answered_with_a_hint_at_init(tmp_path: Path) -> None:
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
def test_passwords_are_kept_out_of_addresses_and_messages(tmp_path: Path, table: str, user: str) -> None:
    webhook = f"[{table}]\nurl = 'https://{user}collector.test/?key=hidden'\nsecret_file = 's'\n"
    with pytest.raises(Failure) as caught:
        load(write(tmp_path, LEAST + webhook))
    assert f"{table}.url" in caught.value.line
    assert "hidden" not in caught.value.line


def test_session_logs_go_only_to_the_buckets_and_log_groups_of_the_configuration(tmp_path: Path) -> None:
    tables = '[outputs.s3]\nregion = "r"\nbuckets = ["logs", "team-*"]\n[outputs.cloudwatch]\nregion = "r"\n'
    reached = reach(load(write(tmp_path, LEAST + tables)))
    assert reached.s3 is not None
    assert reached.cloud_watch is not None
    names = ("logs", "logs-2", "log", "team-a", "team", "payroll")
    assert [name for name in names if reached.s3.allows(name)] == ["logs", "team-a"]
    assert reached.cloud_watch.allows("/any")
    for wrong in ('buckets = ["*"]', 'buckets = ["a*b"]', 'buckets = "logs"'):
        with pytest.raises(Failure, match=r"outputs\.s3\.buckets"):
            load(write(tmp_path, f'{LEAST}[outputs.s3]\nregion = "r"\n{wrong}\n'))


def test_session_logs_are_given_up_after_days_that_are_set(tmp_path: Path) -> None:
    assert load(write(tmp_path, LEAST)).configuration.outputs.give_up_after_days == 14
    assert (
        load(write(tmp_path, f"{LEAST}[outputs]\ngive_up_after_days = 0\n")).configuration.outputs.give_up_after_days
        == 0
    )
    with pytest.raises(Failure, match=r"outputs\.give_up_after_days"):
        load(write(tmp_path, f"{LEAST}[outputs]\ngive_up_after_days = -1\n"))
