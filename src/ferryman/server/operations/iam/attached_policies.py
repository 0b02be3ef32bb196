"""IAM's operations on the inline and attached policies of users, groups and roles."""

from collections.abc import Mapping

from ferryman.core.iam import attached_policies
from ferryman.core.iam.attached_policies import Holder, HolderKind
from ferryman.model.arns import name_of_policy
from ferryman.model.identity.callers import Caller
from ferryman.server.operations.context import Operation, OperationContext, Operations, Parameters, Result
from ferryman.server.operations.iam.results import NOTHING, encoded, marker_of, page_result


def _policy_operations(kind: HolderKind) -> Mapping[str, Operation]:
    """Return the operations on the policies of users, groups or roles, which differ only in name."""
    member = f"{kind}Name"

    async def put(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
        holder = Holder(kind, parameters[member])
        await attached_policies.put_policy(
            context.service, caller, holder, parameters["PolicyName"], parameters["PolicyDocument"]
        )
        return NOTHING

    async def get(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
        name = parameters["PolicyName"]
        text = await attached_policies.get_policy(context.service, caller, Holder(kind, parameters[member]), name)
        return {member: parameters[member], "PolicyName": name, "PolicyDocument": encoded(text)}

    async def delete(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
        await attached_policies.delete_policy(
            context.service, caller, Holder(kind, parameters[member]), parameters["PolicyName"]
        )
        return NOTHING

    async def list_inline(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
        page = await attached_policies.list_policies(
            context.service, caller, Holder(kind, parameters[member]), *marker_of(parameters)
        )
        return page_result("PolicyNames", page, page.items)

    async def attach(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
        await attached_policies.attach_policy(
            context.service, caller, Holder(kind, parameters[member]), parameters["PolicyArn"]
        )
        return NOTHING

    async def detach(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
        await attached_policies.detach_policy(
            context.service, caller, Holder(kind, parameters[member]), parameters["PolicyArn"]
        )
        return NOTHING

    async def list_attached(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
        holder, prefix = Holder(kind, parameters[member]), parameters.get("PathPrefix", "/")
        page = await attached_policies.list_attached_policies(
            context.service, caller, holder, prefix, *marker_of(parameters)
        )
        attached = [{"PolicyName": name_of_policy(arn), "PolicyArn": arn} for arn in page.items]
        return page_result("AttachedPolicies", page, attached)

    return {
        f"Put{kind}Policy": put,
        f"Get{kind}Policy": get,
        f"Delete{kind}Policy": delete,
        f"List{kind}Policies": list_inline,
        f"Attach{kind}Policy": attach,
        f"Detach{kind}Policy": detach,
        f"ListAttached{kind}Policies": list_attached,
    }


OPERATIONS: Operations = {("iam", name): each for kind in HolderKind for name, each in _policy_operations(kind).items()}
