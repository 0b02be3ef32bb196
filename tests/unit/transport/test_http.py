"""The agent's HTTP client against a real server on loopback."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from ferryman.bootstrap.keys.certificates import issue
from ferryman.model.errors import ServiceError
from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret
from ferryman.signing.canonical import SignableRequest
from ferryman.signing.sigv4 import parse, sign, verify
from ferryman.transport.errors import CertificateRefused, Unreachable
from ferryman.transport.http import HttpClient, host_header
from ferryman.transport.trust import Trust, trust

CREDENTIALS = Credentials("AKIDEXAMPLE", Secret("secret"), Secret("token"))
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[[Handler], Awaitable[str]]


@pytest_asyncio.fixture(loop_scope="function")
async def serve() -> AsyncIterator[Serve]:
    runners: list[web.AppRunner] = []

    async def start(handler: Handler) -> str:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", handler)
        runners.append(web.AppRunner(application))
        await runners[-1].setup()
        await web.TCPSite(runners[-1], "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runners[-1].addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()


def sign_call(request: SignableRequest) -> dict[str, str]:
    return sign(request, CREDENTIALS, "test-1", "ssm", datetime.now(UTC))


async def verify_call(request: web.Request) -> None:
    path, _, query = request.raw_path.partition("?")
    signable = SignableRequest(request.method, path, query, list(request.headers.items()), await request.read())
    verify(signable, parse(signable), CREDENTIALS.secret_access_key, datetime.now(UTC))


async def test_a_call_is_signed_and_answered(serve: Serve) -> None:
    async def handle(request: web.Request) -> web.Response:
        await verify_call(request)
        assert request.headers["Content-Type"] == "application/x-amz-json-1.1"
        assert request.headers["X-Amz-Target"] == "AmazonSSM.Ping"
        assert request.headers["User-Agent"] == "tester/1"
        return web.json_response({"Echo": await request.json()})

    async with HttpClient(await serve(handle), user_agent="tester/1") as client:
        assert await client.call("AmazonSSM.Ping", {"Name": "grüße"}, sign_call) == {"Echo": {"Name": "grüße"}}


async def test_a_post_below_a_path_keeps_its_encoding(serve: Serve) -> None:
    async def handle(request: web.Request) -> web.Response:
        await verify_call(request)
        return web.Response(status=201, text=request.raw_path)

    async with HttpClient(await serve(handle) + "/prefix/", user_agent="t") as client:
        answer = await client.post("/v1/a%20b@c+", {"Content-Type": "application/json"}, b"{}", sign_call)
    assert (answer.status, answer.body) == (201, b"/prefix/v1/a%20b@c+")


@pytest.mark.parametrize(
    ("status", "body", "code", "message"),
    [
        (400, '{"__type":"x#InvalidActivation","message":"no"}', "InvalidActivation", "no"),
        (400, '{"__type":"AccessDeniedException","Message":"no"}', "AccessDeniedException", "no"),
        (502, "<html>bad gateway</html>", "HTTP502", "<html>bad gateway</html>"),
        (500, "[]", "HTTP500", "[]"),
        (302, "", "HTTP302", ""),
    ],
)
async def test_an_error_is_a_service_error(serve: Serve, status: int, body: str, code: str, message: str) -> None:
    async def handle(request: web.Request) -> web.Response:
        return web.Response(status=status, text=body, headers={"Location": "http://127.0.0.1:1/"})

    async with HttpClient(await serve(handle), user_agent="t") as client:
        with pytest.raises(ServiceError) as error:
            await client.call("AmazonSSM.Ping", {}, None)
    assert (error.value.code, error.value.message, error.value.status) == (code, message, status)


@pytest.mark.parametrize("body", ["<html>", "[]", "null", '"text"'])
async def test_an_answer_that_is_not_a_json_object_is_not_from_a_ferryman_server(serve: Serve, body: str) -> None:
    async def handle(request: web.Request) -> web.Response:
        return web.Response(text=body)

    async with HttpClient(await serve(handle), user_agent="t") as client:
        with pytest.raises(Unreachable, match="not answered by a Session Manager server"):
            await client.call("AmazonSSM.Ping", {}, None)


async def test_an_endless_answer_is_cut(serve: Serve) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"x" * (3 << 20))

    async with HttpClient(await serve(handle), user_agent="t") as client:
        assert len((await client.post("/", {}, b"", None)).body) == 1 << 20


async def test_nobody_there_is_unreachable(unused_tcp_port: int) -> None:
    async with HttpClient(f"http://127.0.0.1:{unused_tcp_port}", user_agent="t") as client:
        with pytest.raises(Unreachable, match=str(unused_tcp_port)) as caught:
            await client.call("AmazonSSM.Ping", {}, None)
    assert " object at " not in str(caught.value)


async def test_loopback_is_reached_without_the_proxy(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    async def handle(request: web.Request) -> web.Response:
        return web.json_response({})

    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with HttpClient(await serve(handle), user_agent="t") as client:
        assert await client.call("AmazonSSM.Ping", {}, None) == {}


@pytest.mark.parametrize(
    ("endpoint", "host"),
    [
        ("https://ssm.example:443", "ssm.example"),
        ("http://ssm.example:80/x", "ssm.example"),
        ("https://ssm.example:8443", "ssm.example:8443"),
        ("http://[::1]:7000", "[::1]:7000"),
    ],
)
def test_host_header(endpoint: str, host: str) -> None:
    assert host_header(urlsplit(endpoint)) == host


def test_a_ca_file_must_hold_certificates(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        trust(tmp_path / "missing.pem")
    (tmp_path / "empty.pem").write_text("nothing")
    with pytest.raises(ssl.SSLError):
        trust(tmp_path / "empty.pem")
    assert trust().minimum_version == ssl.TLSVersion.TLSv1_2


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A PEM with a key and a certificate for 127.0.0.1 that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    path = tmp_path / "server.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + built.public_bytes(Encoding.PEM))
    return path


async def test_tls_is_verified_by_the_given_authority_and_by_no_other(certificate: Path, tmp_path: Path) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            await socket.send_bytes(b"over tls")
            await socket.close()
            return socket
        return web.json_response({"ok": True})

    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(certificate)
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=serving).start()
    endpoint = f"https://127.0.0.1:{runner.addresses[0][1]}"
    try:
        another = tmp_path / "another.pem"
        another.write_bytes(issue("127.0.0.1", datetime.now(UTC)).issuer.certificate)
        trusted = Trust(another)
        async with HttpClient(endpoint, user_agent="t", trusted=trusted) as client:
            with pytest.raises(CertificateRefused):
                await client.call("AmazonSSM.Ping", {}, sign_call)
            another.write_bytes(b"half of it")
            with pytest.raises(CertificateRefused):
                await client.call("AmazonSSM.Ping", {}, sign_call)
            another.write_bytes(certificate.read_bytes())
            assert await client.call("AmazonSSM.Ping", {}, sign_call) == {"ok": True}
            websocket = await client.dial("/v1/x", "a=b", sign_call, heartbeat=5)
            assert await websocket.receive() == b"over tls"
            await websocket.close()
        async with HttpClient(endpoint, user_agent="t", trusted=Trust()) as client:
            with pytest.raises(CertificateRefused, match=f"^the certificate of {endpoint} is not trusted: self-signed"):
                await client.call("AmazonSSM.Ping", {}, sign_call)
            with pytest.raises(CertificateRefused, match="is not trusted: self-signed"):
                await client.dial("/v1/x", "a=b", sign_call, heartbeat=5)
        async with HttpClient(endpoint.replace("127.0.0.1", "localhost"), user_agent="t", trusted=trusted) as client:
            with pytest.raises(CertificateRefused, match="Hostname mismatch"):
                await client.call("AmazonSSM.Ping", {}, sign_call)
    finally:
        await runner.cleanup()


async def test_a_host_that_is_not_a_valid_name_is_reported() -> None:
    async with HttpClient(f"http://{'a' * 70}.invalid", user_agent="tested/1") as client:
        with pytest.raises(Unreachable, match="its host is not a valid name"):
            await client.post("/", {}, b"", None)
