"""Where the client finds KMS, and which keys a person accepts; calls of a real one are in the end-to-end tests."""

import resource
from pathlib import Path

import pytest

from ferryman.channel.key_agreement import DataKeyRequested
from ferryman.client.calls import data_keys
from ferryman.client.calls.data_keys import (
    KEYS_VARIABLE,
    PROFILE_VARIABLE,
    DataKey,
    DataKeyFailed,
    _client,
    generate_data_key,
    key_objection,
)
from ferryman.client.calls.launch import Launch
from ferryman.model.values.secret import Secret

SERVER = "http://127.0.0.1:7330"
CONFIG = """\
[profile by-endpoint]
endpoint_url = http://by-endpoint.example.com
[profile by-service]
services = local
endpoint_url = http://by-endpoint.example.com
[services local]
kms =
  endpoint_url = http://by-service.example.com
[profile plain]
region = eu-plain-1
"""


def launch(profile: str = "", target: str = "mi-1") -> Launch:
    return Launch("s-1", Secret("t"), "ws://127.0.0.1/x", "eu-1", profile=profile, target=target, endpoint=SERVER)


@pytest.fixture(autouse=True)
def _configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").write_text(CONFIG)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("profile", "variables", "endpoint"),
    [
        ("", {}, SERVER),
        ("plain", {}, SERVER),
        ("by-endpoint", {}, "http://by-endpoint.example.com"),
        ("by-service", {}, "http://by-service.example.com"),
        ("by-endpoint", {"AWS_ENDPOINT_URL_KMS": "http://by-variable.example.com"}, "http://by-variable.example.com"),
        ("", {"AWS_ENDPOINT_URL": "http://for-all.example.com"}, "http://for-all.example.com"),
        ("by-endpoint", {PROFILE_VARIABLE: "plain"}, "https://kms.eu-plain-1.amazonaws.com"),
    ],
)
def test_kms_is_where_an_sdk_finds_it_or_the_sessions_server(
    monkeypatch: pytest.MonkeyPatch, profile: str, variables: dict[str, str], endpoint: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert _client(launch(profile), "alias/a").meta.endpoint_url == endpoint


@pytest.mark.parametrize(("key", "region"), [("alias/a", "eu-1"), ("arn:aws:kms:us-east-2:1:key/a", "us-east-2")])
def test_keys_arn_decides_the_region(key: str, region: str) -> None:
    assert _client(launch(), key).meta.region_name == region


@pytest.mark.parametrize(
    ("accepted", "key", "objection"),
    [
        ("", "", ""),
        ("", "any", ""),
        ("mine, other", "other", ""),
        ("mine", "", "the session is not encrypted"),
        ("mine", "theirs", "encrypted with theirs"),
    ],
)
def test_person_can_insist_on_keys(monkeypatch: pytest.MonkeyPatch, accepted: str, key: str, objection: str) -> None:
    monkeypatch.setenv(KEYS_VARIABLE, accepted)
    said = key_objection(key)
    assert objection in said
    assert bool(objection) == bool(said)


async def test_launcher_without_a_target_is_refused() -> None:
    with pytest.raises(DataKeyFailed, match="names no target"):
        await generate_data_key(launch(target=""), DataKeyRequested("k", None))


async def test_whoever_holds_a_data_key_leaves_no_core_dump(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[tuple[int, tuple[int, int]]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda kind, pair: limits.append((kind, pair)))
    monkeypatch.setattr(data_keys, "_generate", lambda *_: DataKey(b"k" * 64, b"sealed"))
    await generate_data_key(launch(), DataKeyRequested("k", None))
    assert [(kind, soft) for kind, (soft, _) in limits] == [(resource.RLIMIT_CORE, 0)]
