"""Activations: permission to register nodes."""

from ferryman.core.requests import ActivationTicket, CreateActivationRequest
from ferryman.core.service import Service
from ferryman.model.callers import Caller


async def create_activation(service: Service, caller: Caller, request: CreateActivationRequest) -> ActivationTicket:
    """CreateActivation: a UUID and a code of 24 characters, shown this once. Raises AccessDeniedException,
    ValidationException (an expiry in the past or more than 30 days away)."""
    raise NotImplementedError
