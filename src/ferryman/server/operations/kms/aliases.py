"""Operations on aliases."""

from ferryman.core.kms.keys import aliases
from ferryman.model.identity.callers import Caller
from ferryman.server.operations.context import OperationContext, Operations, Parameters, Result
from ferryman.server.operations.kms.pages import limit_of, page_result
from ferryman.server.operations.results import as_datetime


async def _create_alias(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    await aliases.create_alias(context.service, caller, parameters["AliasName"], parameters["TargetKeyId"])
    return {}


async def _update_alias(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    await aliases.update_alias(context.service, caller, parameters["AliasName"], parameters["TargetKeyId"])
    return {}


async def _delete_alias(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    await aliases.delete_alias(context.service, caller, parameters["AliasName"])
    return {}


async def _list_aliases(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    limit = limit_of(parameters, 50, 100)
    page = await aliases.list_aliases(context.service, caller, parameters.get("KeyId"), parameters.get("Marker"), limit)
    items = [
        {
            "AliasName": each.name,
            "AliasArn": context.service.arns.kms_alias(each.name),
            "TargetKeyId": each.key_id,
            "CreationDate": as_datetime(each.created_at),
            "LastUpdatedDate": as_datetime(each.updated_at),
        }
        for each in page.items
    ]
    return page_result("Aliases", page, items)


OPERATIONS: Operations = {
    ("kms", "CreateAlias"): _create_alias,
    ("kms", "UpdateAlias"): _update_alias,
    ("kms", "DeleteAlias"): _delete_alias,
    ("kms", "ListAliases"): _list_aliases,
}
