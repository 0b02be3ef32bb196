"""IAM's operations on things that users never have in Ferryman: passwords, MFA devices, SSH keys, certificates.

Terraform lists all of them before it deletes a user by force, so each listing exists and is empty.
"""

from ferryman.core.authorization.decisions import require
from ferryman.core.iam.resources import no_such
from ferryman.core.iam.users import user_for
from ferryman.model.identity.callers import Caller
from ferryman.server.operations.context import Operation, OperationContext, Operations, Parameters, Result


def _empty_listing(operation: str, member: str, *, pages: bool = True) -> Operation:
    """Return an operation that lists what a user never has; without UserName, of the caller."""

    async def answer(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
        await user_for(context.service, caller, operation, parameters.get("UserName"))
        return {member: [], "IsTruncated": False} if pages else {member: []}

    return answer


async def _list_virtual_devices(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    resource = f"arn:aws:iam::{context.service.settings.account_id}:mfa/"
    require(context.service, caller, "iam:ListVirtualMFADevices", resource)
    return {"VirtualMFADevices": [], "IsTruncated": False}


def _no_password(operation: str) -> Operation:
    async def answer(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
        user = await user_for(context.service, caller, operation, parameters.get("UserName"))
        raise no_such(f"login profile of user {user.name}")

    return answer


OPERATIONS: Operations = {
    ("iam", "ListMFADevices"): _empty_listing("ListMFADevices", "MFADevices"),
    ("iam", "ListVirtualMFADevices"): _list_virtual_devices,
    ("iam", "ListSSHPublicKeys"): _empty_listing("ListSSHPublicKeys", "SSHPublicKeys"),
    ("iam", "ListSigningCertificates"): _empty_listing("ListSigningCertificates", "Certificates"),
    ("iam", "ListServiceSpecificCredentials"): _empty_listing(
        "ListServiceSpecificCredentials", "ServiceSpecificCredentials", pages=False
    ),
    ("iam", "GetLoginProfile"): _no_password("GetLoginProfile"),
    ("iam", "DeleteLoginProfile"): _no_password("DeleteLoginProfile"),
}
