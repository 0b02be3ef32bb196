"""Operations on keys themselves."""

from ferryman.core.kms.keys import actions
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Caller
from ferryman.model.kms import FoundKey, KeyState
from ferryman.server.operations.context import OperationContext, Operations, Parameters, Result
from ferryman.server.operations.kms.pages import limit_of, page_result
from ferryman.server.operations.kms.tags import requested_tags
from ferryman.server.operations.results import as_datetime


async def _create_key(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    spec = parameters.get("KeySpec") or parameters.get("CustomerMasterKeySpec") or "SYMMETRIC_DEFAULT"
    request = actions.KeyRequest(
        description=parameters.get("Description") or "",
        policy=parameters.get("Policy"),
        bypass=bool(parameters.get("BypassPolicyLockoutSafetyCheck")),
        tags=requested_tags(parameters),
        spec=spec,
        usage=parameters.get("KeyUsage") or "ENCRYPT_DECRYPT",
        origin=parameters.get("Origin") or ("EXTERNAL_KEY_STORE" if parameters.get("CustomKeyStoreId") else "AWS_KMS"),
        is_multi_region=bool(parameters.get("MultiRegion")),
    )
    return {"KeyMetadata": _metadata(context, await actions.create_key(context.service, caller, request))}


async def _describe_key(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    return {"KeyMetadata": _metadata(context, await actions.describe_key(context.service, caller, parameters["KeyId"]))}


async def _list_keys(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    page = await actions.list_keys(context.service, caller, parameters.get("Marker"), limit_of(parameters, 100, 1000))
    arns = context.service.arns
    return page_result("Keys", page, [{"KeyId": key_id, "KeyArn": arns.kms_key(key_id)} for key_id in page.items])


async def _enable_key(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    await actions.enable_key(context.service, caller, parameters["KeyId"])
    return {}


async def _disable_key(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    await actions.disable_key(context.service, caller, parameters["KeyId"])
    return {}


async def _update_key_description(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    await actions.update_key_description(context.service, caller, parameters["KeyId"], parameters["Description"])
    return {}


async def _schedule_key_deletion(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    days = parameters.get("PendingWindowInDays")
    key = await actions.schedule_key_deletion(context.service, caller, parameters["KeyId"], days)
    return {
        "KeyId": context.service.arns.kms_key(key.key_id),
        "DeletionDate": as_datetime(key.deletion_at),
        "KeyState": key.state.value,
        "PendingWindowInDays": key.pending_days,
    }


async def _cancel_key_deletion(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    key = await actions.cancel_key_deletion(context.service, caller, parameters["KeyId"])
    return {"KeyId": context.service.arns.kms_key(key.key_id)}


def _metadata(context: OperationContext, found: FoundKey) -> Result:
    key, generation = found.key, found.generation
    if generation is None:
        raise ServiceError("KMSInternalException", "The key has no material.", status=500)
    return {
        "AWSAccountId": context.service.settings.account_id,
        "KeyId": key.key_id,
        "Arn": context.service.arns.kms_key(key.key_id),
        "CreationDate": as_datetime(key.created_at),
        "Enabled": key.state is KeyState.ENABLED,
        "Description": key.description,
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyState": key.state.value,
        "DeletionDate": as_datetime(key.deletion_at),
        "Origin": "AWS_KMS",
        "KeyManager": "CUSTOMER",
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "MultiRegion": False,
        "CurrentKeyMaterialId": generation.material_id,
    }


OPERATIONS: Operations = {
    ("kms", "CreateKey"): _create_key,
    ("kms", "DescribeKey"): _describe_key,
    ("kms", "ListKeys"): _list_keys,
    ("kms", "EnableKey"): _enable_key,
    ("kms", "DisableKey"): _disable_key,
    ("kms", "UpdateKeyDescription"): _update_key_description,
    ("kms", "ScheduleKeyDeletion"): _schedule_key_deletion,
    ("kms", "CancelKeyDeletion"): _cancel_key_deletion,
}
