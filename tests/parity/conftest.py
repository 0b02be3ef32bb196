"""botocore's real clients, whose requests end at our door instead of a socket."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse, HeadersDict
from botocore.config import Config
from botocore.session import Session

from ferryman.awsapi import OWN_MODELS
from ferryman.awsapi.dispatch import ApiCall, Response, identify, parse, protocol_of, serialise, serialise_error
from ferryman.model.errors import ServiceError
from ferryman.model.values.secret import Secret
from ferryman.signing import sigv4
from ferryman.signing.canonical import SignableRequest

ACCESS_KEY_ID = "AKIAEXAMPLE000000000"
SECRET = "an example secret/of+40 characters"
REGION = "test-1"
REQUEST_ID = "00000000-0000-4000-8000-00000000000a"


class Body(BytesIO):
    """What AWSResponse reads from."""

    def stream(self) -> list[bytes]:
        return [self.read()]


@dataclass
class Door:
    """Takes botocore's requests as the server does; keeps the calls and gives the answers it is told to."""

    answer: Mapping[str, Any] | ServiceError = field(default_factory=dict)
    calls: list[tuple[ApiCall, dict[str, Any]]] = field(default_factory=list)
    responses: list[Response] = field(default_factory=list)
    tamper: Callable[[SignableRequest], SignableRequest] | None = None

    def __call__(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        response = self.respond(self.received(request))
        self.responses.append(response)
        headers = HeadersDict(response.headers)
        return AWSResponse(request.url, response.status, headers, Body(response.body))

    def received(self, request: AWSPreparedRequest) -> SignableRequest:
        parts = urlsplit(request.url)
        sent = [
            (name, value.decode() if isinstance(value, bytes) else value) for name, value in request.headers.items()
        ]
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        received = SignableRequest(request.method, parts.path, parts.query, [("Host", parts.netloc), *sent], body)
        return received if self.tamper is None else self.tamper(received)

    def respond(self, request: SignableRequest) -> Response:
        call = None
        target = request.raw_path + ("?" + request.raw_query if request.raw_query else "")
        try:
            call = identify(request.method, target, request.headers, request.body)
            presented = sigv4.parse(request)
            sigv4.verify_scope(presented, REGION, call.service)
            sigv4.verify(request, presented, Secret(SECRET), datetime.now(UTC))
            self.calls.append((call, parse(call, request.body)))
            if isinstance(self.answer, ServiceError):
                raise self.answer
            return serialise(call, self.answer, REQUEST_ID)
        except ServiceError as error:
            return serialise_error(call or protocol_of(target, request.headers), error, REQUEST_ID)


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture(scope="session")
def session() -> Session:
    """A session that knows nothing of this machine's AWS settings; it caches the models.

    The environment stays as it is: later tests run in this process, too.
    """
    session = Session()
    for name in ("config_file", "credentials_file"):
        session.set_config_variable(name, "/nonexistent")
    session.get_component("data_loader").search_paths.append(str(OWN_MODELS))
    return session


@pytest.fixture
def client(door: Door, session: Session) -> Callable[[str], Any]:
    """Makes a client of a service that sends what it is given, valid or not, to `door`."""

    def make(service: str) -> Any:
        made = session.create_client(
            {"tagging": "resourcegroupstaggingapi"}.get(service, service),
            region_name=REGION,
            endpoint_url="http://localhost:8022",
            aws_access_key_id=ACCESS_KEY_ID,
            aws_secret_access_key=SECRET,
            config=Config(parameter_validation=False, retries={"total_max_attempts": 1}),
        )
        made.meta.events.register("before-send", door)
        return made

    return make
