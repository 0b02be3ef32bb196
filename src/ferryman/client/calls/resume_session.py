"""ResumeSession and TerminateSession, signed with the person's own credentials.

botocore, which knows profiles, SSO and credential processes, takes longer to import than a session takes to open, so it
is imported by the first call, in that call's thread.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ferryman.client.calls.answers import UNREADABLE, checked
from ferryman.client.calls.api_proxies import through_proxies
from ferryman.client.calls.daemon_threads import in_daemon_thread
from ferryman.model.failures import Failure, said_by
from ferryman.model.values.secret import Secret
from ferryman.transport.errors import Unreachable

CONNECT_SECONDS = 5
ANSWER_SECONDS = 10
OVER = "DoesNotExistException"
_WORTH_ANOTHER_TRY = frozenset({"ThrottlingException", "Throttling", "RequestTimeout", "RequestTimeoutException"})


class SessionOver(Exception):
    """The server no longer knows the session, or does not let it be resumed."""


class CallRefused(Exception):
    """The call cannot succeed until credentials, a policy or the configuration change. The text is the cause."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """The token that reopens the session's data channel; `stream_url` is empty if the server named none."""

    token: Secret
    stream_url: str


class ServiceClient:
    """The two calls of a running session.

    `profile` and `endpoint` may be empty: then botocore's own rules hold (AWS_PROFILE, AWS_ENDPOINT_URL …). Each call
    takes at most about 15 s. A cancelled call continues in its thread, unwatched, and does not delay the exit.
    """

    def __init__(self, region: str, profile: str, endpoint: str) -> None:
        self._region = region
        self._profile = profile
        self._endpoint = endpoint
        self._client: Any = None
        self._connecting = threading.Lock()

    async def resume(self, session_id: str) -> Ticket:
        """Return a new ticket. Raises `SessionOver`, `CallRefused`, or `Unreachable` if another try may succeed."""
        answer = await self._call("resume_session", session_id)
        token = answer.get("TokenValue")
        if not token:
            raise SessionOver(session_id)
        return Ticket(Secret(token), answer.get("StreamUrl") or "")

    async def terminate(self, session_id: str) -> None:
        """End the session. Raises as `resume`."""
        await self._call("terminate_session", session_id)

    async def _call(self, operation: str, session_id: str) -> Mapping[str, Any]:
        return await in_daemon_thread(lambda: self._call_now(operation, session_id))

    def _call_now(self, operation: str, session_id: str) -> Mapping[str, Any]:
        from botocore import exceptions

        try:
            with self._connecting:  # sessions that share this lose their connections together
                client = self._connected()
            name = client.meta.method_to_api_mapping[operation]
            answer = getattr(client, operation)(SessionId=session_id)
            return checked(name, client.meta.service_model.operation_model(name).output_shape, answer)
        except exceptions.ClientError as error:
            raise _client_error(error) from error
        except (exceptions.HTTPClientError, exceptions.ConnectionError) as error:
            raise Unreachable(said_by(error)) from error
        except (exceptions.BotoCoreError, ValueError) as error:  # ValueError: an endpoint that is not a URL
            raise CallRefused(said_by(error)) from error
        except Failure as failure:
            raise CallRefused(failure.line) from failure
        except UNREADABLE as error:
            raise CallRefused(f"the answer to {operation} cannot be read") from error

    def _connected(self) -> Any:
        if self._client is None:
            from botocore.config import Config
            from botocore.session import Session

            session = Session(profile=self._profile or None)
            self._client = through_proxies(
                lambda proxies: session.create_client(
                    "ssm",
                    region_name=self._region or None,
                    endpoint_url=self._endpoint or None,
                    config=Config(
                        connect_timeout=CONNECT_SECONDS,
                        read_timeout=ANSWER_SECONDS,
                        retries={"total_max_attempts": 1, "mode": "standard"},
                        proxies=proxies,
                    ),
                )
            )
        return self._client


def _client_error(error: Any) -> Exception:
    code = str(error.response["Error"]["Code"])
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    if code == OVER:
        return SessionOver(str(error))
    if code in _WORTH_ANOTHER_TRY or not 400 <= status < 500 or status in (408, 429):
        return Unreachable(str(error))
    return CallRefused(str(error))
