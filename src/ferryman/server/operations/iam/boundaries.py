"""IAM's operations on the permissions boundaries of users and roles; they differ only in name."""

from collections.abc import Awaitable, Callable

from ferryman.core.service import Service
from ferryman.model.identity.callers import Caller
from ferryman.server.operations.context import OperationContext, Operations, Parameters, Result
from ferryman.server.operations.iam.results import NOTHING

PutBoundary = Callable[[Service, Caller, str, str], Awaitable[None]]
DeleteBoundary = Callable[[Service, Caller, str], Awaitable[None]]


def boundary_operations(holder: str, put: PutBoundary, delete: DeleteBoundary) -> Operations:
    """Return PutXPermissionsBoundary and DeleteXPermissionsBoundary of a `holder`, User or Role."""

    async def put_boundary(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
        await put(context.service, caller, parameters[f"{holder}Name"], parameters["PermissionsBoundary"])
        return NOTHING

    async def delete_boundary(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
        await delete(context.service, caller, parameters[f"{holder}Name"])
        return NOTHING

    return {
        ("iam", f"Put{holder}PermissionsBoundary"): put_boundary,
        ("iam", f"Delete{holder}PermissionsBoundary"): delete_boundary,
    }
