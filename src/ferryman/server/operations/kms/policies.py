"""Operations on key policies."""

from ferryman.core.kms.keys import policies
from ferryman.model.identity.callers import Caller
from ferryman.server.operations.context import OperationContext, Operations, Parameters, Result


async def _get_key_policy(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    text = await policies.get_key_policy(context.service, caller, parameters["KeyId"], parameters.get("PolicyName"))
    return {"Policy": text, "PolicyName": policies.POLICY_NAME}


async def _put_key_policy(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    await policies.put_key_policy(
        context.service,
        caller,
        parameters["KeyId"],
        parameters.get("PolicyName"),
        parameters["Policy"],
        bypass=bool(parameters.get("BypassPolicyLockoutSafetyCheck")),
    )
    return {}


async def _list_key_policies(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    names = await policies.list_key_policies(context.service, caller, parameters["KeyId"])
    return {"PolicyNames": list(names), "Truncated": False}


OPERATIONS: Operations = {
    ("kms", "GetKeyPolicy"): _get_key_policy,
    ("kms", "PutKeyPolicy"): _put_key_policy,
    ("kms", "ListKeyPolicies"): _list_key_policies,
}
