"""Checks the destinations of a session's log, when the session starts and on request."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ferryman.core.authorization.decisions import require
from ferryman.core.ports.recordings.outputs import TooManyChecks, Undeliverable, Unencrypted
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Caller
from ferryman.model.session_outputs import SessionOutputs

_TOO_MANY = "Rate exceeded: too many destinations of session logs are being checked. Try again."


async def check_outputs(service: Service, caller: Caller, document: str, outputs: SessionOutputs | None) -> None:
    """Raise ServiceError ValidationException if a session's log must be delivered and cannot be.

    On AWS the node finds out and the session fails; there is no better error in StartSession's model. Raises
    ThrottlingException if the caller, or everybody, has too many destinations checked.
    """
    if outputs is None:
        return
    try:
        await service.outputs.check(outputs, caller.person_id)
    except Unencrypted as error:
        raise ServiceError("ValidationException", str(error)) from error
    except TooManyChecks as error:
        raise ServiceError("ThrottlingException", _TOO_MANY) from error
    except Undeliverable as error:
        message = f"The document {document} has the session's log sent somewhere it cannot be sent to: {error}."
        raise ServiceError("ValidationException", message, cause=error.cause) from error


@dataclass(frozen=True, slots=True)
class CheckedDestination:
    """A destination, such as `the bucket example-logs`; `problem` is why no log can be sent there, None if one can."""

    name: str
    problem: str | None


async def check_session_log_destinations(
    service: Service, caller: Caller, outputs: SessionOutputs
) -> list[CheckedDestination]:
    """CheckSessionLogDestinations: ask S3 and CloudWatch Logs, as this server reaches them. Ferryman's own operation.

    Raises AccessDeniedException, and ThrottlingException if the caller, or everybody, has too many of them checked.
    """
    require(service, caller, "ferryman:CheckSessionLogDestinations", "*")
    return [
        CheckedDestination(name, await _problem(service, caller, each, encrypted=encrypted))
        for name, each, encrypted in _each(outputs)
    ]


def _each(outputs: SessionOutputs) -> Iterator[tuple[str, SessionOutputs, bool]]:
    """Yield each destination by itself, as one that must be encrypted, so that it is asked; and whether it must be."""
    if (s3 := outputs.s3) is not None:
        yield f"the bucket {s3.bucket}", SessionOutputs(s3=replace(s3, encrypted=True)), s3.encrypted
    if (logs := outputs.cloud_watch) is not None:
        asked = SessionOutputs(cloud_watch=replace(logs, encrypted=True))
        yield f"the log group {logs.log_group}", asked, logs.encrypted


async def _problem(service: Service, caller: Caller, outputs: SessionOutputs, *, encrypted: bool) -> str | None:
    try:
        await service.outputs.check(outputs, caller.person_id)
    except Unencrypted as error:
        return str(error) if encrypted else None
    except TooManyChecks as error:
        raise ServiceError("ThrottlingException", _TOO_MANY) from error
    except Undeliverable as error:
        return str(error) if error.cause is None else f"{error}: {error.cause}"
    return None
