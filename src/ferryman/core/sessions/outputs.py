"""Where a session's log goes is checked when the session starts."""

from ferryman.core.ports.outputs import TooManyChecks, Undeliverable, Unencrypted
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Caller
from ferryman.model.session_outputs import SessionOutputs


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
        message = "Rate exceeded: too many destinations of session logs are being checked. Try again."
        raise ServiceError("ThrottlingException", message) from error
    except Undeliverable as error:
        message = f"The document {document} has the session's log sent somewhere it cannot be sent to: {error}."
        raise ServiceError("ValidationException", message, cause=error.cause) from error
