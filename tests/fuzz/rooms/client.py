"""What the client reads of servers, nodes, providers, browsers and launchers: `ferryman.client`."""

import asyncio
import socket
from types import SimpleNamespace
from typing import Any, cast

from botocore import exceptions, parsers
from botocore.session import Session

from ferryman.channel import peer_versions
from ferryman.client.calls import launch
from ferryman.client.calls import targets as target
from ferryman.client.calls.api import Api
from ferryman.client.calls.resume_session import CallRefused, ServiceClient, SessionOver
from ferryman.client.calls.start_session import start_session
from ferryman.client.library import socks
from ferryman.client.login import oidc
from ferryman.client.login.redirect import Redirect
from ferryman.client.plugin import arguments
from ferryman.client.prediction.predictive_echo import PredictiveEcho
from ferryman.client.prediction.setting import Prediction
from ferryman.client.session.exit_code import exit_code
from ferryman.client.transfer.digest_listing import DigestListing
from ferryman.model.failures import Failure
from ferryman.model.values.secret import Secret
from ferryman.transport.errors import Unreachable
from ferryman.transport.fetch import Documents
from ferryman.transport.http import Answer
from tests.fuzz.awaiting import finished
from tests.fuzz.target import KIB, MIB, Target, text_of

ISSUER = "https://idp.example.org"
_LOOP = asyncio.new_event_loop()


def _arguments(data: bytes) -> None:
    """What a launcher passes, an argument a line; the response once more in the environment."""
    given = text_of(data).split("\n")
    arguments.parse(given, {})
    name = arguments.RESPONSE_VARIABLE_PREFIX
    arguments.parse([name, *given[1:]], {name: given[0]})


def _reconnect_seconds(data: bytes) -> None:
    arguments.reconnect_seconds({arguments.RECONNECT_VARIABLE: text_of(data)})


def _peer_versions(data: bytes) -> None:
    version = data.decode("utf-8", "replace")
    peer_versions.agent_multiplexes(version)
    peer_versions.client_multiplexes(version)
    peer_versions.expects_keep_alive(version)
    peer_versions.takes_terminate_flag(version)


def _predictive_echo(data: bytes) -> None:
    """What a node shows, in pieces, while somebody types it as well: every piece goes to the terminal whole."""
    echo = PredictiveEcho(80, 24, Prediction.ALWAYS)
    now = 0.0
    for start in range(0, len(data), 4 * KIB):
        for end in (start + 7, start + 4 * KIB):
            piece = data[start:end]
            now += 0.01
            assert piece in echo.output(piece, now)
            echo.typed(piece[:3] + b"a", now)
            echo.acknowledged(start, now)
            echo.tick(now)
    echo.close()


def _digests(data: bytes) -> None:
    """Every name that a node lists is below the folder, whatever pieces the listing comes in."""
    listing = DigestListing()
    for start in range(0, len(data), 65_536):
        listing.feed(data[start : start + 65_536])
    for name in listing.end():
        assert not name.startswith("/")
        assert ".." not in name.split("/")


def _socks(data: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.sendall(data[:1024])
        theirs.shutdown(socket.SHUT_WR)
        destination = _LOOP.run_until_complete(socks.requested(ours))
        if destination is not None:
            assert 0 < destination.port < 65_536
            assert destination.host
            assert destination.host.isascii()


def _names(data: bytes) -> None:
    """Names that nodes gave themselves, a line each; the first is what a person looks for."""
    wanted, *names = data.decode("utf-8", "replace").split("\n")
    target.named(wanted, [target.Target(f"mi-{place}", name, bool(place % 2)) for place, name in enumerate(names)])


_SERVICES = Session()


class _Answering:
    """A botocore client whose server answers with the input, whatever is called: 200 or an error by its first byte."""

    def __init__(self, data: bytes, service: str, protocol: str) -> None:
        self._status = {0: 500, 1: 403, 2: 400}.get(data[:1][0] % 4 if data else 3, 200)
        self._body = data[1:]
        self._parser = parsers.create_parser(protocol)
        self.meta = SimpleNamespace(
            service_model=_SERVICES.get_service_model(service),
            method_to_api_mapping={"resume_session": "ResumeSession"},
        )

    def _make(self, operation: str, **_: object) -> Any:
        response = {"body": self._body, "headers": {}, "status_code": self._status}
        shape = self.meta.service_model.operation_model(operation).output_shape
        parsed = self._parser.parse(response, shape)
        if self._status >= 300:
            raise exceptions.ClientError(parsed, operation)
        return parsed

    def resume_session(self, **members: object) -> Any:
        return self._make("ResumeSession", **members)

    def start_session(self, **members: object) -> Any:
        return self._make("StartSession", **members)

    def describe_instance_information(self, **members: object) -> Any:
        answer = self._make("DescribeInstanceInformation", **members)
        answer.pop("NextToken", None)  # the next answer would be the same, for ever
        return answer


def _resumed(data: bytes) -> None:
    """ResumeSession's answer, as the connection uses it."""
    client = ServiceClient("us-east-1", "", "")
    client._client = _Answering(data, "ssm", "json")
    ticket = client._call_now("resume_session", "s")
    if ticket.get("TokenValue"):
        Secret(ticket["TokenValue"]).reveal().encode()
        launch.checked_stream_url(ticket.get("StreamUrl") or "ws://x")


def _started(data: bytes) -> None:
    launch = start_session(Api(_Answering(data, "ssm", "json"), "https://x.example.org"), "mi-1")
    launch.session_id.encode()
    launch.token.reveal().encode()


def _listed(data: bytes) -> None:
    target.find_node(Api(_Answering(data, "ssm", "json"), "https://x.example.org"), "web-1")


class _Provider:
    """A provider that answers everything with the input."""

    def __init__(self, data: bytes) -> None:
        self._parts = [*data.split(b"\n---\n"), b"", b"", b""]

    async def fetch(self, url: str) -> bytes:
        return self._parts[0]

    async def post(self, url: str, form: object) -> Answer:
        if "device" in url:
            return Answer(200, self._parts[1])
        return Answer(200 if len(self._parts[2]) % 2 else 400, self._parts[2])


def _provider(data: bytes) -> None:
    """Discovery, the device flow and a refresh, with a provider that answers anything."""
    documents = cast(Documents, _Provider(data))
    provider = finished(oidc.discover(documents, ISSUER))
    client = oidc.OidcClient("client", "openid")
    shown: list[str] = []

    async def at_once(seconds: float) -> None:
        assert 0 < seconds < 86_400 + 5 * 200

    try:
        finished(oidc.sign_in_with_device(documents, provider, client, lambda *texts: shown.extend(texts), at_once))
    finally:
        assert all(text.isprintable() for text in shown)
        finished(oidc.refresh(documents, provider, client, Secret("r")))


def _redirect(data: bytes) -> None:
    """The first line of what connects to the listener of a sign-in."""

    async def take() -> None:
        redirect = Redirect()
        redirect.expect(lambda state: state == "s")
        redirect._accept(data.decode("latin-1"))
        redirect._answer.cancel()

    _LOOP.run_until_complete(take())


_RESPONSE = (
    b'{"SessionId":"s","TokenValue":"t","StreamUrl":"wss://x.example.org/v1/data-channel/s?role=publish_subscribe"}'
)
_DIGEST = b"0" * 64
_CLAIMS = b"eyJub25jZSI6IngiLCJzdWIiOiJhIn0"
_DISCOVERY = (
    b'{"issuer":"https://idp.example.org","authorization_endpoint":"https://idp.example.org/a",'
    b'"token_endpoint":"https://idp.example.org/t","device_authorization_endpoint":"https://idp.example.org/device"}'
)
_SIGN_IN = b"\n---\n".join(
    (
        _DISCOVERY,
        b'{"device_code":"d","user_code":"ABCD","verification_uri":"https://idp.example.org/d","interval":1,"expires_in":9}',
        b'{"id_token":"x.' + _CLAIMS + b'.x","refresh_token":"r","access_token":"a"}',
    )
)

TARGETS = (
    Target(
        "client.predictive_echo",
        _predictive_echo,
        (
            b"\x1b[?2004h\x1b]0;title\x07\x1b[1;32mann\x1b[0m$ ls\r\n\x1b[?2004l\rfile\r\n",
            b"\x1b[?1049h\x1b[22;0;0t\x1b[?1h\x1b=\x1b[H\x1b[2J~\r\n\x1b[24;1H:\x1b[K\x1b[?1l\x1b>\x1b[?1049l",
            b"\x1bPq#0;2;0;0;0~~\x1b\\\x1b(0qq\x1b(B\x1b[38;2;1;2;3mx\x1b[m\xe6\xbc\xa2\xc3\xa6\x1b[3P",
        ),
        limit=16 * KIB,
        words=(b"\x1b[", b"\x1b]", b"\x1bP", b"\x1b\\", b"\x1b[K", b"\x1b[?1049l", b"\r\n", b"\x0e", b"\x18"),
    ),
    Target(
        "client.arguments",
        _arguments,
        (
            b"\n".join(
                (_RESPONSE, b"us-east-1", b"StartSession", b"p", b'{"Target":"mi-1"}', b"https://x.example.org")
            ),
            b"\n".join((_RESPONSE, b"us-east-1", b"StartSession")),
            b"--version",
        ),
        (arguments.InvalidArguments,),
        (b"ws://[::1]:99999/", b"wss://a@b/", b"http://[", b":x", b"\xe2\x84\x80"),
    ),
    Target("client.reconnect_seconds", _reconnect_seconds, (b"300", b"1e3", b"nan"), (arguments.InvalidArguments,)),
    Target("channel.peer_versions", _peer_versions, (b"3.3.0.0", b"2.3.722.0", b"")),
    Target("client.exit_code", exit_code, (b"EXIT_CODE: 0", b" EXIT_CODE: -255 ")),
    Target(
        "client.digest_listing",
        _digests,
        (b"%s  ./a/b\n\\%s  ./a\\nb\\\\\n" % (_DIGEST, _DIGEST),),
        (Failure,),
        (b".//", b"./", b"/..", b"/./", b"\\n", b"\\", b"  ", _DIGEST),
        MIB,
    ),
    Target(
        "client.socks",
        _socks,
        (
            b"\x05\x01\x00\x05\x01\x00\x03\x09localhost\x00\x50",
            b"\x05\x02\x00\x02\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50",
            b"\x05\x01\x00\x05\x01\x00\x04" + bytes(15) + b"\x01\x00\x50",
            b"\x04\x01\x00\x50\x00\x00\x00\x01x\x00a\x00",
        ),
        (OSError,),
        (),
        KIB,
        costly=True,
    ),
    Target("client.target", _names, (b"web-1\nweb-1.example.org\nweb-2\n\x1b]0;x\x07", b"db\nDB\ndb"), (Failure,), ()),
    Target(
        "client.answer.resume_session",
        _resumed,
        (
            b"\x03" + _RESPONSE,
            b'\x02{"__type":"x#DoesNotExistException","message":"m"}',
            b'\x01{"__type":"ThrottlingException","Message":"m"}',
        ),
        (SessionOver, CallRefused, Unreachable, launch.InvalidStreamUrl),
        (b'"StreamUrl":', b'"TokenValue":', b'"__type":'),
        MIB,
    ),
    Target(
        "client.answer.start_session",
        _started,
        (b"\x03" + _RESPONSE, b'\x02{"__type":"TargetNotConnected","message":"m"}'),
        (Failure,),
        (b'"StreamUrl":', b'"TokenValue":', b'"__type":'),
        MIB,
    ),
    Target(
        "client.answer.nodes",
        _listed,
        (
            b'\x03{"InstanceInformationList":[{"InstanceId":"mi-1","Name":"web-1","PingStatus":"Online"},'
            b'{"InstanceId":"mi-2","ComputerName":"web-1.example.org","LastPingDateTime":1700000000.5}]}',
        ),
        (Failure,),
        (b'"InstanceId":', b'"RegistrationDate":', b'"LastPingDateTime":1e30'),
        64 * KIB,
    ),
    Target(
        "client.oidc",
        _provider,
        (_SIGN_IN, _SIGN_IN + b" ", _SIGN_IN.replace(b"https://idp.example.org/", b"http://127.0.0.1:8080/")),
        (Failure,),
        (b"\n---\n", b'"error":"slow_down"', b'"error":"authorization_pending"', b'"interval":', b"http://[", b"."),
        256 * KIB,
    ),
    Target(
        "client.redirect",
        _redirect,
        (b"GET /callback?code=c&state=s HTTP/1.1", b"GET / HTTP/1.1", b"POST /callback"),
        (ValueError,),
        (b"state=s", b"%ff", b"http://[", b"&", b"="),
        16 * KIB,
    ),
)
