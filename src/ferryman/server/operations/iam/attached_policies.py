"""IAM's operations on the policies that users, groups and roles hold."""

from collections.abc import Mapping

from ferryman.core.iam import attached_policies as held_policies
from ferryman.core.iam.attached_policies import Holder, HolderKind
from ferryman.model.arns import name_of_policy
from ferryman.model.identity.callers import Caller
from ferryman.server.operations.context import Operation, Operations, Parameters, Result, Surroundings
from ferryman.server.operations.iam.results import NOTHING, encoded, marker_of, page_result


def _held(kind: HolderKind) -> Mapping[str, Operation]:
    """Return the operations on what users, groups, or roles, hold: they differ in names only."""
    named = f"{kind}Name"

    async def put(here: Surroundings, caller: Caller, given: Parameters) -> Result:
        holder = Holder(kind, given[named])
        await held_policies.put_policy(here.service, caller, holder, given["PolicyName"], given["PolicyDocument"])
        return NOTHING

    async def get(here: Surroundings, caller: Caller, given: Parameters) -> Result:
        name = given["PolicyName"]
        text = await held_policies.get_policy(here.service, caller, Holder(kind, given[named]), name)
        return {named: given[named], "PolicyName": name, "PolicyDocument": encoded(text)}

    async def delete(here: Surroundings, caller: Caller, given: Parameters) -> Result:
        await held_policies.delete_policy(here.service, caller, Holder(kind, given[named]), given["PolicyName"])
        return NOTHING

    async def list_inline(here: Surroundings, caller: Caller, given: Parameters) -> Result:
        page = await held_policies.list_policies(here.service, caller, Holder(kind, given[named]), *marker_of(given))
        return page_result("PolicyNames", page, page.items)

    async def attach(here: Surroundings, caller: Caller, given: Parameters) -> Result:
        await held_policies.attach_policy(here.service, caller, Holder(kind, given[named]), given["PolicyArn"])
        return NOTHING

    async def detach(here: Surroundings, caller: Caller, given: Parameters) -> Result:
        await held_policies.detach_policy(here.service, caller, Holder(kind, given[named]), given["PolicyArn"])
        return NOTHING

    async def list_attached(here: Surroundings, caller: Caller, given: Parameters) -> Result:
        holder, prefix = Holder(kind, given[named]), given.get("PathPrefix", "/")
        page = await held_policies.list_attached_policies(here.service, caller, holder, prefix, *marker_of(given))
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


OPERATIONS: Operations = {("iam", name): each for kind in HolderKind for name, each in _held(kind).items()}
