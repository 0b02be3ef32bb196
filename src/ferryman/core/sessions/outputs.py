"""Where a session's log goes is checked when the session starts."""

from ferryman.core.ports.outputs import Undeliverable, Unencrypted
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.session_outputs import SessionOutputs


async def check_outputs(service: Service, document: str, outputs: SessionOutputs | None) -> None:
    """Raise ServiceError ValidationException if a session's log must be delivered and cannot be.

    On AWS the node finds out and the session fails; there is no better error in StartSession's model.
    """
    if outputs is None:
        return
    try:
        await service.outputs.check(outputs)
    except Unencrypted as error:
        raise ServiceError("ValidationException", str(error)) from error
    except Undeliverable as error:
        message = f"The document {document} has the session's log sent somewhere it cannot be sent to: {error}."
        raise ServiceError("ValidationException", message) from error
