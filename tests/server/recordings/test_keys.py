"""Recordings whose data keys are under a named KMS key: of the server itself, or of Moto as a KMS elsewhere."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from structlog.testing import capture_logs

from ferryman.core.iam.operator import create_access_key, create_user
from ferryman.core.kms.encryption.custody import current_wrapping, wrapping_of
from ferryman.core.maintenance.resealing import reseal, sealed_under
from ferryman.core.ports.kms import KeyCustody, KeyUnusable
from ferryman.core.ports.recordings.store import RecordingKey, RecordingMode
from ferryman.core.service import Service
from ferryman.recording.aws_clients import AwsAccess
from ferryman.recording.keys import foreign_kms
from ferryman.recording.keys.foreign_kms import REMEMBERED_SECONDS, KmsElsewhere
from ferryman.recording.keys.rewrapping import Rewrapping
from tests.aws_stand_ins import KEY_ID, REGION, SECRET, StandIn, moto
from tests.server.callers.kms_calls import ARN, Kms, allow, kms_of, new_key
from tests.server.callers.own_calls import call, finished
from tests.server.peers import output
from tests.server.recorded_sessions import Disk, Recording, shown
from tests.server.running import Paired, Recorded, Server

ALIAS = "alias/recordings"
OLD, NEW = b"o" * 32, b"n" * 32
"""Keys of the server."""


@pytest.fixture
async def recording(tmp_path: Path) -> AsyncIterator[Recording]:
    made = Recording(Disk(tmp_path / "recordings"))
    yield made
    made.running.cancel()
    await made.recorder.close()


@pytest.fixture
def recorded(recording: Recording) -> Recorded:
    def record(service: Service) -> Service:
        service.vault.use(OLD)
        return recording.record(replace(service, custody=KeyCustody(ALIAS)))

    return record


@pytest.fixture(scope="module")
def aws() -> Iterator[StandIn]:
    with moto() as started:
        yield started


@pytest.fixture
async def kms(server: Server) -> Kms:
    return kms_of(server)


async def with_key(kms: Kms) -> str:
    key_id = await new_key(kms)
    await kms("create_alias", AliasName=ALIAS, TargetKeyId=key_id)
    return key_id


async def stored_key(server: Server, session_id: str) -> RecordingKey:
    found = await server.store.recordings.key(session_id)
    assert found is not None
    return found


async def recorded_session(server: Server, text: bytes = b"shown") -> Paired:
    paired = await server.paired()
    await paired.agent.send(output(0, text))
    await paired.client.frame()
    await finished(server, paired)
    return paired


async def refusal(server: Server, operation: str, session_id: str, credentials: Any = None) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        await call(server, operation, credentials, SessionId=session_id)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


async def test_a_disabled_key_makes_recordings_unreadable_immediately(server: Server, kms: Kms) -> None:
    key_id = await with_key(kms)
    session_id = (await recorded_session(server)).session_id
    assert await shown(server, session_id) == b"shown"
    await kms("disable_key", KeyId=key_id)
    why = f"The recording cannot be read: the KMS key {ARN}:key/{key_id} is disabled."
    for operation in ("GetRecordingEvents", "VerifyRecording"):
        assert await refusal(server, operation, session_id) == ("RecordingKeyUnavailableException", why)
    await kms("enable_key", KeyId=key_id)
    assert await shown(server, session_id) == b"shown"
    await kms("schedule_key_deletion", KeyId=key_id)
    code, message = await refusal(server, "GetRecordingEvents", session_id)
    assert (code, "is pending deletion" in message) == ("RecordingKeyUnavailableException", True)
    [key] = await server.store.kms_keys.due_for_deletion(server.clock() + 31 * 86_400_000, 9)  # type: ignore[arg-type]
    assert await server.store.kms_keys.delete(key)
    code, message = await refusal(server, "GetRecordingEvents", session_id)
    assert (code, message) == (
        "RecordingKeyUnavailableException",
        "The recording cannot be read: its KMS key was deleted.",
    )


async def test_a_session_that_must_be_recorded_needs_its_key(server: Server, kms: Kms) -> None:
    node = await server.register()
    await node.control()
    with capture_logs() as lines, pytest.raises(ClientError) as refused:
        await server.start(node)
    assert "Sessions must be recorded here" in refused.value.response["Error"]["Message"]
    assert f"the KMS key {ARN}:{ALIAS} does not exist" in [line.get("reason") for line in lines]
    await with_key(kms)
    assert (await server.start(node))["SessionId"]


async def test_reading_needs_permission_for_the_key(server: Server, kms: Kms) -> None:
    key_id = await with_key(kms)
    session_id = (await recorded_session(server)).session_id
    for name, condition, allowed in (
        ("without", None, False),
        ("with", {}, True),
        ("via", {"StringEquals": {"kms:ViaService": "ferryman.test-1.amazonaws.com"}}, True),
        ("elsewhere", {"StringEquals": {"kms:ViaService": "s3.test-1.amazonaws.com"}}, False),
        ("other", {"StringEquals": {"kms:EncryptionContext:ferryman:SessionId": "x-0123456789abcdef0"}}, False),
    ):
        user = await create_user(server.service, name)
        statements = [allow("ferryman:*")]
        if condition is not None:
            statements.append(allow("kms:Decrypt", **({"Condition": condition} if condition else {})))
        await server.store.policies.put_inline(user.user_id, "p", json.dumps({"Statement": statements}))
        credentials = await create_access_key(server.service, name)
        if allowed:
            assert (await call(server, "GetRecordingEvents", credentials, SessionId=session_id))["Events"]
        else:
            code, message = await refusal(server, "GetRecordingEvents", session_id, credentials)
            assert code == "AccessDeniedException", name
            assert f"kms:Decrypt on resource: {ARN}:key/{key_id}" in message


async def test_rotation_wraps_data_keys_again(server: Server, kms: Kms) -> None:
    await with_key(kms)
    session_id = (await recorded_session(server)).session_id
    service = server.service
    before = await stored_key(server, session_id)
    rewrapping = Rewrapping(service)
    assert await rewrapping.look()
    assert await service.store.recordings.key(session_id) == before
    await kms("rotate_key_on_demand", KeyId=ALIAS)
    assert await shown(server, session_id) == b"shown"
    assert await rewrapping.look()
    after = await stored_key(server, session_id)
    assert (await current_wrapping(service)).endswith("/2")
    first, second = (wrapping_of(service, session_id, each) for each in (before, after))
    assert first is not None
    assert second is not None
    assert first.blob[17:21] == bytes([0, 0, 0, 1])
    assert second.blob[17:21] == bytes([0, 0, 0, 2])
    assert await shown(server, session_id) == b"shown"


async def test_the_servers_key_is_rotated_under_the_named_keys(server: Server, kms: Kms) -> None:
    key_id = await with_key(kms)
    blob = (await kms("encrypt", KeyId=key_id, Plaintext=b"x"))["CiphertextBlob"]
    session_id = (await recorded_session(server)).session_id
    vault = server.service.vault
    [old] = vault.key_ids
    assert (await sealed_under(server.service))[old] >= 3
    vault.use(NEW, [OLD])
    assert await reseal(server.service) >= 3
    assert set(await sealed_under(server.service)) == {vault.key_ids[0]}
    vault.use(NEW)
    assert await shown(server, session_id) == b"shown"
    assert (await kms("decrypt", CiphertextBlob=blob))["Plaintext"] == b"x"


class TestElsewhere:
    """The key is in another KMS."""

    @pytest.fixture
    def key(self, aws: StandIn, monkeypatch: pytest.MonkeyPatch) -> str:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        made: str = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
        return made

    @pytest.fixture
    def recorded(self, recording: Recording, aws: StandIn, key: str) -> Recorded:
        def record(service: Service) -> Service:
            self.elsewhere = KmsElsewhere(AwsAccess(REGION, aws.url))
            recording.mode = RecordingMode.BEST_EFFORT
            return recording.record(replace(service, custody=KeyCustody(key, self.elsewhere)))

        return record

    async def test_recordings_are_read_while_the_key_can_be_used(
        self, server: Server, aws: StandIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        session_id = (await recorded_session(server)).session_id
        assert await shown(server, session_id) == b"shown"
        wrapped = wrapping_of(server.service, session_id, await stored_key(server, session_id))
        assert wrapped is not None
        assert wrapped.where == "foreign"
        monkeypatch.setattr(self.elsewhere, "_clock", lambda: 1e9)  # what was decrypted is forgotten
        await asyncio.to_thread(aws.reset)
        code, message = await refusal(server, "GetRecordingEvents", session_id)
        assert code == "RecordingKeyUnavailableException"
        assert "kms:Decrypt on the KMS key" in message

    async def test_an_answer_is_not_waited_for_for_ever(
        self, aws: StandIn, key: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(foreign_kms, "ANSWER_SECONDS", 0.2)
        kms = KmsElsewhere(AwsAccess(REGION, aws.url))
        with aws.frozen(), pytest.raises(KeyUnusable, match=r"did not answer within 0\.2 s"):
            await kms.encrypt(key, b"x", {})
        kms.close()
        gone = KmsElsewhere(AwsAccess(REGION, "http://127.0.0.1:9"))
        monkeypatch.setattr(foreign_kms, "ANSWER_SECONDS", 30)
        with pytest.raises(KeyUnusable, match=r"kms:Encrypt on the KMS key .* was not answered"):
            await gone.encrypt(key, b"x", {})
        gone.close()


async def test_what_was_decrypted_elsewhere_is_remembered_for_a_moment(
    server: Server, kms: Kms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another Ferryman is such a KMS, too."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.administrator.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.administrator.secret_access_key.reveal())
    key = await new_key(kms)
    now = [0.0]
    elsewhere = KmsElsewhere(AwsAccess("test-1", server.url), lambda: now[0])
    blob = await elsewhere.encrypt(key, b"x", {"a": "b"})
    assert await elsewhere.decrypt(key, blob, {"a": "b"}) == b"x"
    with pytest.raises(KeyUnusable, match="InvalidCiphertextException"):
        await elsewhere.decrypt(key, blob, {"a": "c"})
    await kms("disable_key", KeyId=key)
    assert await elsewhere.decrypt(key, blob, {"a": "b"}) == b"x"
    now[0] = REMEMBERED_SECONDS
    with pytest.raises(KeyUnusable, match=f"kms:Decrypt on the KMS key {key} was refused .*DisabledException"):
        await elsewhere.decrypt(key, blob, {"a": "b"})
    elsewhere.close()
