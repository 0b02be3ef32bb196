"""IAM's operations on OpenID Connect providers, from AWS's spelling to the use cases and back."""

from collections.abc import Mapping

from ferryman.core.iam import oidc_providers
from ferryman.model.identity.callers import Caller
from ferryman.server.operations.context import (
    OperationContext,
    Operations,
    Parameters,
    Result,
    as_datetime,
    requested_tags,
)

_NOTHING: Result = {}
_ARN = "OpenIDConnectProviderArn"


async def _create(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    tags = requested_tags(parameters)
    client_ids, thumbprints = parameters.get("ClientIDList", []), parameters.get("ThumbprintList", [])
    arn = await oidc_providers.create_oidc_provider(
        context.service, caller, parameters["Url"], client_ids, thumbprints, tags
    )
    return {_ARN: arn, "Tags": _tags(tags) or None}


async def _get(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    provider, tags = await oidc_providers.get_oidc_provider(context.service, caller, parameters[_ARN])
    return {
        "Url": provider.url if provider.url.startswith("http:") else provider.name,
        "ClientIDList": list(provider.client_ids),
        "ThumbprintList": list(provider.thumbprints),
        "CreateDate": as_datetime(provider.created_at),
        "Tags": _tags(tags) or None,
    }


async def _list(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    arns = await oidc_providers.list_oidc_providers(context.service, caller)
    return {"OpenIDConnectProviderList": [{"Arn": arn} for arn in arns]}


async def _add_client_id(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    await oidc_providers.add_client_id(context.service, caller, parameters[_ARN], parameters["ClientID"])
    return _NOTHING


async def _remove_client_id(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    await oidc_providers.remove_client_id(context.service, caller, parameters[_ARN], parameters["ClientID"])
    return _NOTHING


async def _update_thumbprint(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    await oidc_providers.update_thumbprints(context.service, caller, parameters[_ARN], parameters["ThumbprintList"])
    return _NOTHING


async def _delete(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    await oidc_providers.delete_oidc_provider(context.service, caller, parameters[_ARN])
    return _NOTHING


async def _tag(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    await oidc_providers.tag_oidc_provider(context.service, caller, parameters[_ARN], requested_tags(parameters))
    return _NOTHING


async def _untag(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    await oidc_providers.untag_oidc_provider(context.service, caller, parameters[_ARN], parameters["TagKeys"])
    return _NOTHING


async def _list_tags(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    arn, marker, size = parameters[_ARN], parameters.get("Marker"), parameters.get("MaxItems")
    page = await oidc_providers.list_oidc_provider_tags(context.service, caller, arn, marker, size)
    truncated = page.next_token is not None
    return {"Tags": _tags(dict(page.items)), "IsTruncated": truncated, "Marker": page.next_token}


def _tags(tags: Mapping[str, str]) -> list[Mapping[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


OPERATIONS: Operations = {
    ("iam", "CreateOpenIDConnectProvider"): _create,
    ("iam", "GetOpenIDConnectProvider"): _get,
    ("iam", "ListOpenIDConnectProviders"): _list,
    ("iam", "AddClientIDToOpenIDConnectProvider"): _add_client_id,
    ("iam", "RemoveClientIDFromOpenIDConnectProvider"): _remove_client_id,
    ("iam", "UpdateOpenIDConnectProviderThumbprint"): _update_thumbprint,
    ("iam", "DeleteOpenIDConnectProvider"): _delete,
    ("iam", "TagOpenIDConnectProvider"): _tag,
    ("iam", "UntagOpenIDConnectProvider"): _untag,
    ("iam", "ListOpenIDConnectProviderTags"): _list_tags,
}
