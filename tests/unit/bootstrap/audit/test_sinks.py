"""The trail's sinks as they are configured, against real HTTP servers on loopback that check what they get."""

import asyncio
import gzip
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from typer.testing import CliRunner

from ferryman.bootstrap.audit.trail import open_trail
from ferryman.bootstrap.configuration import LoadedConfiguration, load
from ferryman.bootstrap.keys.server_keys import read_server_keys
from ferryman.bootstrap.service import open_service
from ferryman.cli.doctor.server import examine_server_files
from ferryman.cli.operate.audit import app
from ferryman.cli.operate.init import Initialised
from ferryman.core.audit.chain import ChainVerification, chain_key
from ferryman.core.service import Service
from ferryman.model.failures import Failure
from tests.waiting import PATIENCE

NOW = datetime(2026, 1, 31, tzinfo=UTC)
SECRET = "a secret of the collector's"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[[Handler], Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    runners: list[web.AppRunner] = []

    async def start(handler: Handler) -> str:
        application = web.Application(client_max_size=1 << 24)
        application.router.add_route("*", "/{path:.*}", handler)
        runners.append(web.AppRunner(application, auto_decompress=False))
        await runners[-1].setup()
        await web.TCPSite(runners[-1], "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runners[-1].addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
def configure(made: Initialised, tmp_path: Path) -> Callable[[str], Path]:
    """Return what writes a configuration with these settings more. Its trail and its store know each other."""
    secret = tmp_path / "webhook.secret"
    secret.write_text(SECRET + "\n")
    secret.chmod(0o600)

    def write(sinks: str) -> Path:
        path = made.configuration.with_name(f"{tmp_path.name}.toml")
        path.write_text(f'{made.configuration.read_text()}\n[audit]\ndirectory = "{tmp_path / "audit"}"\n{sinks}')
        return path

    return write


def webhook(url: str, directory: Path) -> str:
    return f'[audit.webhook]\nurl = "{url}"\nsecret_file = "{directory / "webhook.secret"}"\ninterval_seconds = 0\n'


async def record(loaded: LoadedConfiguration, work: Callable[[Service], Awaitable[None]]) -> None:
    async with open_service(loaded) as with_store, open_trail(loaded, with_store) as service:
        await work(service)


async def three_records(service: Service) -> None:
    for n in range(3):
        await service.trail.keep({"n": n, "eventTime": "2026-01-31T23:59:59.123Z"})


def verified(loaded: LoadedConfiguration, body: bytes) -> list[dict[str, Any]]:
    """Check a body's lines as a part of this server's chain."""
    lines = body.splitlines(keepends=True)
    key = chain_key(read_server_keys(loaded).vault())
    assert list(ChainVerification(key).problems("body", lines)) == []
    return [json.loads(line) for line in lines]


async def test_records_are_posted_and_signed(serve: Serve, configure: Callable[[str], Path], tmp_path: Path) -> None:
    got: list[tuple[str, dict[str, str], bytes]] = []

    async def collect(request: web.Request) -> web.Response:
        got.append((request.raw_path, dict(request.headers), await request.read()))
        return web.Response(status=204)

    loaded = load(configure(webhook(await serve(collect) + "/ferryman?from=here", tmp_path)))
    await record(loaded, three_records)
    for raw_path, headers, body in got:
        assert raw_path == "/ferryman?from=here"
        signed = headers["Ferryman-Timestamp"].encode() + b"." + body
        assert headers["Ferryman-Signature"] == "v1=" + hmac.new(SECRET.encode(), signed, sha256).hexdigest()
        numbers = [each["chain"]["sequence"] for each in map(json.loads, body.splitlines())]
        assert headers["Ferryman-First-Sequence"] == str(numbers[0])
        assert headers["Ferryman-Last-Sequence"] == str(numbers[-1])
    records = verified(loaded, b"".join(body for _, _, body in got))
    assert [each.get("n", each.get("detail-type")) for each in records] == [
        "AuditTrailOpened", 0, 1, 2, "AuditTrailClosed", "AuditTrailCheckpoint",
    ]  # fmt: skip


async def test_redirects_are_not_followed_and_the_status_is_reported(
    serve: Serve, configure: Callable[[str], Path], tmp_path: Path
) -> None:
    asked: list[str] = []
    refused = asyncio.Event()

    async def elsewhere(request: web.Request) -> web.Response:
        asked.append(request.path)
        refused.set()
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    path = configure(webhook(await serve(elsewhere) + "/ferryman", tmp_path))
    loaded = load(path)

    async def until_refused(service: Service) -> None:
        async with asyncio.timeout(PATIENCE):
            await refused.wait()

    await record(loaded, until_refused)
    assert set(asked) == {"/ferryman"}
    shown = CliRunner().invoke(app, ["sinks", "--json", "--config", str(path)])
    assert shown.exit_code == 1
    [sink] = json.loads(shown.stdout)
    assert (sink["sink"], sink["sequence"], sink["last_sequence"]) == ("webhook", 0, 3)
    assert sink["failure"] == "it answered 307; redirects are not followed"
    said = [finding.said for finding in examine_server_files(path, NOW)]
    assert "records after 0 are not delivered: it answered 307; redirects are not followed" in said


def signed_as_botocore(request: web.Request, body: bytes) -> str:
    """The Authorization that botocore's own signer for S3 makes for a request that came in."""
    names = request.headers["Authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    url = f"http://{request.host}{request.raw_path}"
    signing = AWSRequest(request.method, url, data=body)
    for name in names:
        signing.headers[name] = request.headers[name]
    signing.context["timestamp"] = request.headers["X-Amz-Date"]
    signer = S3SigV4Auth(Credentials("AKIDSINK", "sink/secret", "sink+token"), "s3", "eu-central-1")
    canonical = signer.canonical_request(signing)
    return str(signer.signature(signer.string_to_sign(signing, canonical), signing))


async def test_objects_are_put_where_cloudtrail_puts_its_own(
    serve: Serve, configure: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDSINK")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sink/secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "sink+token")
    objects: dict[str, bytes] = {}
    signatures: list[tuple[str, str]] = []

    async def store(request: web.Request) -> web.Response:
        body = await request.read()
        signatures.append((request.headers["Authorization"].rpartition("=")[2], signed_as_botocore(request, body)))
        assert request.headers["X-Amz-Content-Sha256"] == sha256(body).hexdigest()
        objects[f"{request.method} {request.raw_path}"] = body
        return web.Response()

    address = await serve(store)
    settings = f'[audit.s3]\nbucket = "trail"\nregion = "eu-central-1"\nprefix = "ours/a"\nendpoint_url = "{address}"\n'
    loaded = load(configure(settings))
    await record(loaded, three_records)
    assert signatures
    assert all(ours == theirs for ours, theirs in signatures)
    account, region = loaded.configuration.server.account_id, loaded.configuration.server.region
    records = []
    for name, body in objects.items():
        content = json.loads(gzip.decompress(body))
        first = content["Records"][0]
        time = str(first.get("eventTime") or first["time"])
        date, minute = time[:10].replace("-", "/"), time[:16].replace("-", "").replace(":", "")
        object_name = f"{account}_Ferryman_{region}_{minute}Z_{first['chain']['sequence']:012d}.json.gz"
        assert name == f"PUT /trail/ours/a/AWSLogs/{account}/Ferryman/{region}/{date}/{object_name}"
        records += content["Records"]
    assert [each["chain"]["sequence"] for each in records] == [1, 2, 3, 4, 5, 6]


async def test_without_credentials_the_server_does_not_start(
    configure: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load(configure('[audit.s3]\nbucket = "trail"\nregion = "eu-central-1"\nprofile = "nobody"\n'))
    with pytest.raises(Failure, match=r"There are no credentials for audit\.s3"):
        await record(loaded, three_records)


@pytest.mark.parametrize(
    "url", ["http://192.0.2.1/x", "ftp://127.0.0.1/", "https://user:word@collector.example/", "https:///x", "collector"]
)
def test_records_go_to_no_such_address(configure: Callable[[str], Path], tmp_path: Path, url: str) -> None:
    with pytest.raises(Failure, match=r"audit\.webhook\.url"):
        load(configure(webhook(url, tmp_path)))


@pytest.mark.parametrize(("content", "mode"), [("short", 0o600), (SECRET, 0o644), ("\udcff" * 20, 0o600)])
async def test_an_invalid_secret_is_refused(
    configure: Callable[[str], Path], tmp_path: Path, content: str, mode: int
) -> None:
    secret = tmp_path / "webhook.secret"
    secret.write_bytes(content.encode(errors="surrogateescape"))
    secret.chmod(mode)
    loaded = load(configure(webhook("http://127.0.0.1:9/", tmp_path)))
    with pytest.raises(Failure, match=r"webhook"):
        await record(loaded, three_records)
