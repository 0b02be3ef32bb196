"""IAM's operations on OpenID Connect providers, from AWS's spelling to the use cases and back."""

from collections.abc import Mapping

from ferryman.core.iam import oidc_providers
from ferryman.model.identity.callers import Caller
from ferryman.server.operations.context import (
    Operations,
    Parameters,
    Result,
    Surroundings,
    moment,
    tags_given,
)

_NOTHING: Result = {}
_ARN = "OpenIDConnectProviderArn"


async def _create(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    tags = tags_given(given)
    client_ids, thumbprints = given.get("ClientIDList", []), given.get("ThumbprintList", [])
    arn = await oidc_providers.create_oidc_provider(here.service, caller, given["Url"], client_ids, thumbprints, tags)
    return {_ARN: arn, "Tags": _tags(tags) or None}


async def _get(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    provider, tags = await oidc_providers.get_oidc_provider(here.service, caller, given[_ARN])
    return {
        "Url": provider.url if provider.url.startswith("http:") else provider.name,
        "ClientIDList": list(provider.client_ids),
        "ThumbprintList": list(provider.thumbprints),
        "CreateDate": moment(provider.created_at),
        "Tags": _tags(tags) or None,
    }


async def _list(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    arns = await oidc_providers.list_oidc_providers(here.service, caller)
    return {"OpenIDConnectProviderList": [{"Arn": arn} for arn in arns]}


async def _add_client_id(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    await oidc_providers.add_client_id(here.service, caller, given[_ARN], given["ClientID"])
    return _NOTHING


async def _remove_client_id(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    await oidc_providers.remove_client_id(here.service, caller, given[_ARN], given["ClientID"])
    return _NOTHING


async def _update_thumbprint(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    await oidc_providers.update_thumbprints(here.service, caller, given[_ARN], given["ThumbprintList"])
    return _NOTHING


async def _delete(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    await oidc_providers.delete_oidc_provider(here.service, caller, given[_ARN])
    return _NOTHING


async def _tag(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    await oidc_providers.tag_oidc_provider(here.service, caller, given[_ARN], tags_given(given))
    return _NOTHING


async def _untag(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    await oidc_providers.untag_oidc_provider(here.service, caller, given[_ARN], given["TagKeys"])
    return _NOTHING


async def _list_tags(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    arn, marker, size = given[_ARN], given.get("Marker"), given.get("MaxItems")
    page = await oidc_providers.list_oidc_provider_tags(here.service, caller, arn, marker, size)
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
