"""Decrypting data keys at KMS, for which a scripted one stands in; real ones are in the end-to-end tests."""

import base64
import json
import resource
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from aiohttp import web

from ferryman.agent.data_keys import DataKeyFailed, DataKeys, read_credentials
from ferryman.agent.identity.credentials import CredentialSource
from ferryman.agent.identity.state import StateDirectory
from ferryman.agent.session.plan import SessionRefused, plan
from ferryman.agent.settings import AgentSettings, KmsSettings
from ferryman.channel.key_agreement import DataKeySealed
from ferryman.transport.http import HttpClient
from ferryman.wire.tasks import InteractiveShellContent
from tests.unit.agent.peers import NODE_ID, REGION, SHELL_DOCUMENT

KEY = bytes(range(64))
SEALED = DataKeySealed(1, "alias/sessions", b"sealed", "Y2hhbGxlbmdl")
CREDENTIALS = "[kms]\naws_access_key_id = AKIAKMS\naws_secret_access_key = secret\n"


@dataclass
class Kms:
    """Answers Decrypt as it is told, then with the key."""

    answers: list[tuple[int, str]] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    scopes: list[str] = field(default_factory=list)
    url: str = ""

    async def decrypt(self, request: web.Request) -> web.Response:
        assert request.headers["X-Amz-Target"] == "TrentService.Decrypt"
        self.asked.append(await request.json())
        self.scopes.append(request.headers["Authorization"].split("Credential=")[1].split(",")[0])
        status, text = self.answers.pop(0) if self.answers else (200, key_answer(KEY))
        return web.Response(status=status, text=text, content_type="application/x-amz-json-1.1")


def key_answer(key: bytes) -> str:
    return json.dumps({"KeyId": "k", "Plaintext": base64.b64encode(key).decode()})


def refusal(code: str) -> str:
    return json.dumps({"__type": code, "message": "as scripted"})


@pytest_asyncio.fixture(loop_scope="function")
async def kms() -> AsyncIterator[Kms]:
    scripted = Kms()
    application = web.Application()
    application.router.add_post("/", scripted.decrypt)
    runner = web.AppRunner(application, shutdown_timeout=0.05)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    scripted.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield scripted
    await runner.cleanup()


@pytest_asyncio.fixture(loop_scope="function")
async def server(state: StateDirectory) -> AsyncIterator[HttpClient]:
    async with HttpClient(state.registration().endpoint, user_agent="t") as client:
        yield client


def data_keys(state: StateDirectory, server: HttpClient, settings: KmsSettings) -> DataKeys:
    return DataKeys("s-1", server, CredentialSource(state, server), settings)


async def test_key_is_decrypted_for_this_session_and_node(state: StateDirectory, server: HttpClient, kms: Kms) -> None:
    assert await data_keys(state, server, KmsSettings(endpoint=kms.url)).decrypt(SEALED) == KEY
    assert kms.asked == [
        {
            "CiphertextBlob": base64.b64encode(b"sealed").decode(),
            "KeyId": "alias/sessions",
            "EncryptionContext": {
                "aws:ssm:SessionId": "s-1",
                "aws:ssm:TargetId": NODE_ID,
                "aws:ssm:RandomChallenge": "Y2hhbGxlbmdl",
            },
        }
    ]
    assert kms.scopes[0].endswith(f"/{REGION}/kms/aws4_request")


async def test_whoever_holds_a_data_key_leaves_no_core_dump(
    state: StateDirectory, server: HttpClient, kms: Kms, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[tuple[int, tuple[int, int]]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda kind, pair: limits.append((kind, pair)))
    await data_keys(state, server, KmsSettings(endpoint=kms.url)).decrypt(SEALED)
    assert [(kind, soft) for kind, (soft, _) in limits] == [(resource.RLIMIT_CORE, 0)]


@pytest.mark.parametrize(
    ("kms_key_id", "region", "signed_for"),
    [
        ("alias/a", None, REGION),
        ("arn:aws:kms:eu-west-1:1:key/a", None, "eu-west-1"),
        ("arn:aws:kms:eu-west-1:1:key/a", "us-east-1", "us-east-1"),
        ("arn:aws:kms", None, REGION),
    ],
)
async def test_calls_are_signed_for_the_keys_region_with_the_files_credentials(
    state: StateDirectory,
    server: HttpClient,
    kms: Kms,
    tmp_path: Path,
    kms_key_id: str,
    region: str | None,
    signed_for: str,
) -> None:
    path = tmp_path / "credentials"
    path.write_text(CREDENTIALS)
    settings = KmsSettings(endpoint=kms.url, region=region, credentials_file=str(path), profile="kms")
    sealed = DataKeySealed(1, kms_key_id, b"sealed", None)
    await data_keys(state, server, settings).decrypt(sealed)
    assert kms.scopes[0].startswith("AKIAKMS/")
    assert kms.scopes[0].endswith(f"/{signed_for}/kms/aws4_request")


async def test_passing_faults_are_tried_again(state: StateDirectory, server: HttpClient, kms: Kms) -> None:
    kms.answers = [(500, refusal("KMSInternalException")), (400, refusal("ThrottlingException"))]
    assert await data_keys(state, server, KmsSettings(endpoint=kms.url)).decrypt(SEALED) == KEY


@pytest.mark.parametrize(
    ("answer", "cause", "asked"),
    [
        ((400, refusal("AccessDeniedException")), "AccessDeniedException: as scripted", 1),
        ((400, refusal("DisabledException")), "DisabledException: as scripted", 1),
        ((200, key_answer(bytes(32))), "it has 32 bytes, not 64", 1),
        ((200, "{}"), "it has 0 bytes, not 64", 1),
        ((200, "not JSON"), "was not answered by", 3),
        ((200, '{"Plaintext": "%"}'), "cannot be read", 1),
    ],
)
async def test_what_is_refused_or_makes_no_sense_is_reported(
    state: StateDirectory, server: HttpClient, kms: Kms, answer: tuple[int, str], cause: str, asked: int
) -> None:
    kms.answers = [answer] * 3
    with pytest.raises(DataKeyFailed, match=cause):
        await data_keys(state, server, KmsSettings(endpoint=kms.url)).decrypt(SEALED)
    assert len(kms.asked) == asked


@pytest.mark.parametrize(
    ("content", "missing"),
    [
        ("", "lacks kms"),
        ("[kms]\naws_access_key_id = A\n", "lacks aws_secret_access_key"),
        ("no section", "is not a credentials file"),
    ],
)
def test_unusable_credentials_are_named(tmp_path: Path, content: str, missing: str) -> None:
    path = tmp_path / "credentials"
    path.write_text(content)
    with pytest.raises(ValueError, match=missing):
        read_credentials(path, "kms")


@pytest.mark.parametrize("inputs", [{}, {"kmsKeyId": "another"}])
def test_node_that_insists_on_its_key_runs_nothing_else(inputs: dict[str, str]) -> None:
    settings = msgspec.structs.replace(AgentSettings(), kms=KmsSettings(keys=("mine",)))
    content = InteractiveShellContent({**SHELL_DOCUMENT, "inputs": inputs}, "s-1")
    with pytest.raises(SessionRefused, match="encrypted with a key"):
        plan(content, settings)
