"""Registration and the state directory, against the scripted service."""

import socket
import stat
from pathlib import Path

import pytest

from ferryman.agent.control_channel import TIMES_UNKNOWN
from ferryman.agent.identity.faults import Deregistered, StateUnusable
from ferryman.agent.identity.registration import register
from ferryman.agent.identity.state import StateDirectory
from ferryman.agent.information import full
from ferryman.agent.run import run_agent
from ferryman.model.errors import ServiceError
from ferryman.signing.rsa import encode_public_key
from ferryman.transport.errors import Unreachable
from tests.unit.agent.peers import ACTIVATION_CODE, ACTIVATION_ID, NODE_ID, REGION, Service


async def test_registers_and_keeps_the_identity_to_itself(service: Service, tmp_path: Path) -> None:
    where = tmp_path / "deep" / "state"
    assert await register(service.url + "/", REGION, ACTIVATION_ID, ACTIVATION_CODE, where) == NODE_ID
    [(operation, members)] = service.calls
    assert operation == "RegisterManagedInstance"
    assert members.keys() == {"ActivationCode", "ActivationId", "Fingerprint", "PublicKey", "PublicKeyType"}
    state = StateDirectory(where)
    registration = state.registration()
    assert (registration.endpoint, registration.region, registration.node_id) == (service.url, REGION, NODE_ID)
    assert registration.fingerprint == members["Fingerprint"]
    assert encode_public_key(state.key()) == members["PublicKey"]
    assert len(members["PublicKey"]) == 392
    assert stat.S_IMODE(where.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in where.iterdir() if path.is_file()} == {0o600}
    assert ACTIVATION_CODE not in "".join(path.read_text() for path in where.iterdir() if path.is_file())


async def test_a_node_reports_the_name_that_it_was_registered_with(service: Service, tmp_path: Path) -> None:
    await register(service.url, REGION, ACTIVATION_ID, ACTIVATION_CODE, tmp_path, name="edge-7")
    kept = StateDirectory(tmp_path).registration()
    assert full(kept.node_id, kept.endpoint, kept.name)["ComputerName"] == "edge-7"
    assert full(kept.node_id, kept.endpoint)["ComputerName"] == socket.gethostname()


async def test_an_existing_registration_is_replaced_only_when_told_and_only_by_a_new_one(
    service: Service, tmp_path: Path
) -> None:
    await register(service.url, REGION, ACTIVATION_ID, ACTIVATION_CODE, tmp_path)
    before = StateDirectory(tmp_path).registration()
    with pytest.raises(StateUnusable, match=NODE_ID):
        await register(service.url, REGION, ACTIVATION_ID, ACTIVATION_CODE, tmp_path)
    service.refusals["RegisterManagedInstance"] = (400, "InvalidActivation")
    with pytest.raises(ServiceError) as refused:
        await register(service.url, REGION, ACTIVATION_ID, "another-wrong-code-20", tmp_path, replace=True)
    assert refused.value.code == "InvalidActivation"
    assert StateDirectory(tmp_path).registration() == before
    service.refusals.clear()
    await register(service.url, REGION, ACTIVATION_ID, ACTIVATION_CODE, tmp_path, replace=True)
    assert StateDirectory(tmp_path).registration().fingerprint != before.fingerprint


async def test_an_agent_whose_node_was_deregistered_stops(service: Service, tmp_path: Path) -> None:
    await register(service.url, REGION, ACTIVATION_ID, ACTIVATION_CODE, tmp_path)
    service.refusals["RequestManagedInstanceRoleToken"] = (400, "UnrecognizedClientException")
    with pytest.raises(Deregistered):
        await run_agent(tmp_path)
    asked = service.operations().count("RequestManagedInstanceRoleToken")
    assert asked >= TIMES_UNKNOWN


@pytest.mark.parametrize(
    "endpoint",
    ["ftp://x", "sessions.example.com", "https://", "https://[x", "http://127.0.0.1:1", "http://127.0.0.1:99999"],
)
async def test_a_server_that_cannot_be_is_unreachable(endpoint: str, tmp_path: Path) -> None:
    with pytest.raises(Unreachable):
        await register(endpoint, REGION, ACTIVATION_ID, ACTIVATION_CODE, tmp_path)
    assert not StateDirectory(tmp_path).registered


def test_a_directory_without_a_registration_is_refused_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(StateUnusable, match="ferryman agent register"):
        StateDirectory(tmp_path).registration()


@pytest.mark.parametrize("content", ["", "{}", '{"endpoint": 1}', "\x00"])
def test_a_broken_registration_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "registration.json").write_text(content)
    with pytest.raises(StateUnusable, match=r"registration\.json"):
        StateDirectory(tmp_path).registration()


@pytest.mark.parametrize("content", ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_broken_key_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "key.pem").write_text(content)
    with pytest.raises(StateUnusable, match=r"key\.pem"):
        StateDirectory(tmp_path).key()


def test_a_place_that_cannot_be_a_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateUnusable, match="file"):
        StateDirectory(tmp_path / "file" / "state").create()
