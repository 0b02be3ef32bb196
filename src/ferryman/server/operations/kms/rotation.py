"""Operations on the rotation of keys."""

from ferryman.core.kms.keys import rotation
from ferryman.model.identity.callers import Caller
from ferryman.server.operations.context import OperationContext, Operations, Parameters, Result
from ferryman.server.operations.kms.pages import limit_of, page_result
from ferryman.server.operations.results import as_datetime

_EVERYTHING = "ALL_KEY_MATERIAL"


async def _enable_key_rotation(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    days = parameters.get("RotationPeriodInDays")
    await rotation.enable_key_rotation(context.service, caller, parameters["KeyId"], days)
    return {}


async def _disable_key_rotation(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    await rotation.disable_key_rotation(context.service, caller, parameters["KeyId"])
    return {}


async def _get_key_rotation_status(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    key = await rotation.get_key_rotation_status(context.service, caller, parameters["KeyId"])
    return {
        "KeyRotationEnabled": key.rotation_days is not None,
        "KeyId": context.service.arns.kms_key(key.key_id),
        "RotationPeriodInDays": key.rotation_days,
        "NextRotationDate": as_datetime(key.next_rotation_at),
    }


async def _rotate_key_on_demand(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    key = await rotation.rotate_key_on_demand(context.service, caller, parameters["KeyId"])
    return {"KeyId": context.service.arns.kms_key(key.key_id)}


async def _list_key_rotations(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    found, page = await rotation.list_key_rotations(
        context.service,
        caller,
        parameters["KeyId"],
        parameters.get("Marker"),
        limit_of(parameters, 100, 1000),
        with_first=parameters.get("IncludeKeyMaterial") == _EVERYTHING,
    )
    items = [
        {
            "KeyId": context.service.arns.kms_key(found.key.key_id),
            "KeyMaterialId": each.material_id,
            "KeyMaterialState": "CURRENT" if each.generation == found.key.generation else "NON_CURRENT",
            "RotationDate": None if each.rotation is None else as_datetime(each.created_at),
            "RotationType": None if each.rotation is None else each.rotation.value,
        }
        for each in page.items
    ]
    return page_result("Rotations", page, items)


OPERATIONS: Operations = {
    ("kms", "EnableKeyRotation"): _enable_key_rotation,
    ("kms", "DisableKeyRotation"): _disable_key_rotation,
    ("kms", "GetKeyRotationStatus"): _get_key_rotation_status,
    ("kms", "RotateKeyOnDemand"): _rotate_key_on_demand,
    ("kms", "ListKeyRotations"): _list_key_rotations,
}
