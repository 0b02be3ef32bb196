"""The services' models: botocore's own, and ours for what AWS's agent calls and botocore does not know.

`operations.json` adds to `ssm` and defines `ec2messages` and `ssmmessages` (`protocol/agent.md` §1.2, §1.11, §2, §3.1,
§4.1), with limits wide enough for every agent: one that is refused falls silent for minutes. It also takes the list of
values from DescribeSessions' filter keys, since an unknown one has an error of its own, InvalidFilterKey.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
from botocore.loaders import Loader
from botocore.model import OperationModel, OperationNotFoundError, ServiceModel

_BOTOCORE_VERSIONS = {"ssm": "2014-11-06", "sts": "2011-06-15", "iam": "2010-05-08"}
_MOST_MEMBERS: Mapping[str, Mapping[str, int]] = {
    "ssm": {
        "KeyList": 50,
        "RegistrationMetadataList": 50,
        "DescribeActivationsFilterList": 20,
        "InstanceInformationFilterList": 20,
        "InstanceInformationStringFilterList": 20,
        "DocumentFilterList": 20,
        "DocumentKeyValuesFilterValues": 100,
        "OpsItemFilters": 20,
        "OpsItemFilterValues": 100,
        "StringList": 100,
        "DocumentRequiresList": 50,
    },
    "iam": {"clientIDListType": 100, "thumbprintListType": 5, "entityListType": 5},
}
"""Lists of requests for which AWS's model has no maximum, so that no request is a product without a limit.

What AWS documents (50 tags, 100 client ids, 5 thumbprints) is AWS's; the rest is ours. Use cases limit other lists.
"""
_LONGEST: Mapping[str, Mapping[str, int]] = {"ssm": {"ResourceId": 2048}}
"""Characters of strings that become parts of an ARN, for which AWS's model has no maximum."""
_OWN = files("ferryman.awsapi").joinpath("operations.json")

SERVICES = ("ssm", "sts", "iam", "ec2messages", "ssmmessages")


@cache
def service_model(service: str) -> ServiceModel:
    """Return a service's model; the first call for `ssm` takes about 50 ms. `service` is one of SERVICES."""
    own: dict[str, dict[str, Any]] = msgspec.json.decode(_OWN.read_bytes())
    description: dict[str, Any] = own.get(service, {})
    version = _BOTOCORE_VERSIONS.get(service)
    if version is not None:
        # Botocore's data only: not what the user may keep in ~/.aws/models.
        loader = Loader(extra_search_paths=[Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)
        known = loader.load_service_model(service, "service-2", version)
        description = {
            **known,
            "operations": {**known["operations"], **description.get("operations", {})},
            "shapes": {**known["shapes"], **description.get("shapes", {})},
        }
        for name, most in {**_MOST_MEMBERS.get(service, {}), **_LONGEST.get(service, {})}.items():
            description["shapes"][name] = {**description["shapes"][name], "max": most}
    return ServiceModel(description, service)


def load_models() -> None:
    """Read every service's model now, in some 100 ms, so that the first calls do not wait for it."""
    for service in SERVICES:
        service_model(service)


@cache
def operation_model(service: str, operation: str) -> OperationModel | None:
    """Return an operation's model, or None when the service has no such operation."""
    try:
        return service_model(service).operation_model(operation)
    except OperationNotFoundError:
        return None


def target_prefixes() -> dict[str, str]:
    """Return X-Amz-Target's prefix → service, for the JSON services."""
    return {service_model(service).metadata["targetPrefix"]: service for service in ("ssm", "ec2messages")}


def query_versions() -> dict[str, str]:
    """Return API version → service, for the Query services."""
    return {service_model(service).metadata["apiVersion"]: service for service in ("sts", "iam")}
