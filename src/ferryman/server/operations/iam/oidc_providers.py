"""IAM's operations on OpenID Connect providers."""

from ferryman.core.iam import oidc_providers
from ferryman.model.identity.callers import Caller
from ferryman.server.operations.context import OperationContext, Operations, Parameters, Result
from ferryman.server.operations.iam.results import NOTHING
from ferryman.server.operations.iam.tags import tag_operations
from ferryman.server.operations.parameters import requested_tags
from ferryman.server.operations.results import as_datetime, tag_list

_ARN = "OpenIDConnectProviderArn"


async def _create(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    tags = requested_tags(parameters)
    client_ids, thumbprints = parameters.get("ClientIDList", []), parameters.get("ThumbprintList", [])
    arn = await oidc_providers.create_oidc_provider(
        context.service, caller, parameters["Url"], client_ids, thumbprints, tags
    )
    return {_ARN: arn, "Tags": tag_list(tags) or None}


async def _get(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    provider, tags = await oidc_providers.get_oidc_provider(context.service, caller, parameters[_ARN])
    return {
        "Url": provider.url if provider.url.startswith("http:") else provider.name,
        "ClientIDList": list(provider.client_ids),
        "ThumbprintList": list(provider.thumbprints),
        "CreateDate": as_datetime(provider.created_at),
        "Tags": tag_list(tags) or None,
    }


async def _list(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    arns = await oidc_providers.list_oidc_providers(context.service, caller)
    return {"OpenIDConnectProviderList": [{"Arn": arn} for arn in arns]}


async def _add_client_id(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    await oidc_providers.add_client_id(context.service, caller, parameters[_ARN], parameters["ClientID"])
    return NOTHING


async def _remove_client_id(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    await oidc_providers.remove_client_id(context.service, caller, parameters[_ARN], parameters["ClientID"])
    return NOTHING


async def _update_thumbprint(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    await oidc_providers.update_thumbprints(context.service, caller, parameters[_ARN], parameters["ThumbprintList"])
    return NOTHING


async def _delete(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    await oidc_providers.delete_oidc_provider(context.service, caller, parameters[_ARN])
    return NOTHING


OPERATIONS: Operations = {
    ("iam", "CreateOpenIDConnectProvider"): _create,
    ("iam", "GetOpenIDConnectProvider"): _get,
    ("iam", "ListOpenIDConnectProviders"): _list,
    ("iam", "AddClientIDToOpenIDConnectProvider"): _add_client_id,
    ("iam", "RemoveClientIDFromOpenIDConnectProvider"): _remove_client_id,
    ("iam", "UpdateOpenIDConnectProviderThumbprint"): _update_thumbprint,
    ("iam", "DeleteOpenIDConnectProvider"): _delete,
    **tag_operations(
        "OpenIDConnectProvider",
        _ARN,
        oidc_providers.tag_oidc_provider,
        oidc_providers.untag_oidc_provider,
        oidc_providers.list_oidc_provider_tags,
    ),
}
