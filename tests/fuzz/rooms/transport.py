"""What agents and commands read of a server's answers: `ferryman.transport`."""

from collections.abc import Mapping

from ferryman.model.errors import ServiceError
from ferryman.transport.errors import Unreachable
from ferryman.transport.http import Answer, HttpClient, Sign, service_error
from tests.fuzz.awaiting import finished
from tests.fuzz.target import MIB, Target


class AnsweredBy(HttpClient):
    """A client whose server answers with the input; the first byte chooses the status."""

    def __init__(self, data: bytes) -> None:
        self._answer = Answer(200 if not data or data[0] % 2 else 400, data[1:])

    async def post(self, raw_path: str, headers: Mapping[str, str], body: bytes, sign: Sign | None) -> Answer:
        """Return the input."""
        return self._answer


def _called(data: bytes) -> None:
    finished(AnsweredBy(data).call("AmazonSSM.X", {}, None))


TARGETS = (
    Target(
        "transport.answer",
        _called,
        (
            b'\x01{"AccessKeyId":"a","TokenExpirationDate":1700000000.5}',
            b'\x00{"__type":"a#InvalidActivation","message":"m"}',
        ),
        (ServiceError, Unreachable),
        (b'"__type":', b'"message":', b'"Message":'),
        MIB,
    ),
    Target(
        "transport.error",
        lambda data: service_error(Answer(400, data)),
        (b'{"__type":"a#InvalidActivation","message":"m"}', b"<html>"),
        (),
        (b'"__type":', b'"message":'),
        MIB,
    ),
)
