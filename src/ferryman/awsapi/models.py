"""The services' models: botocore's own, and ours for what AWS's agent calls and botocore does not know.

`operations.json` adds to `ssm` and defines `ec2messages` and `ssmmessages` (`protocol/agent.md` §1.2, §1.11, §2, §3.1,
§4.1), with limits wide enough for every agent: one that is refused falls silent for minutes. It also takes the list of
values from DescribeSessions' filter keys, since an unknown one has an error of its own, InvalidFilterKey, and from an
inventory's aggregators what nests in them, since they are refused whole.

`ferryman` has Ferryman's own operations. Its model is laid out as botocore's are, in `OWN_MODELS`.

`ec2` has 750 operations and 4 MB of JSON, of which one operation is served: only its shapes are kept. The same goes for
`cloudtrail`.
"""

import gzip
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
from botocore.loaders import Loader
from botocore.model import OperationModel, OperationNotFoundError, ServiceModel

from ferryman.awsapi import OWN_MODELS

_BOTOCORE_VERSIONS = {
    "ssm": "2014-11-06",
    "sts": "2011-06-15",
    "iam": "2010-05-08",
    "ec2": "2016-11-15",
    "tagging": "2017-01-26",
    "ec2-instance-connect": "2018-04-02",
    "cloudtrail": "2013-11-01",
    "kms": "2014-11-01",
    "ferryman": "2026-11-01",
}
_BOTOCORE_NAMES = {"tagging": "resourcegroupstaggingapi"}
"""Where botocore's folder is not named as the signature's scope."""
_SERVED_PARTS: Mapping[str, tuple[str, ...]] = {"ec2": ("DescribeInstances",), "cloudtrail": ("LookupEvents",)}
"""Operations to load of a model that is too large to keep."""
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
    "ec2": {"InstanceIdStringList": 1000, "FilterList": 50, "ValueStringList": 200},
    "tagging": {"ResourceTypeFilterList": 100},
    "cloudtrail": {"LookupAttributesList": 50},
    "kms": {
        "TagList": 50,
        "TagKeyList": 50,
        "GrantOperationList": 20,
        "EncryptionContextType": 256,
        "DryRunModifierList": 1,
    },
}
"""Lists of requests for which AWS's model has no maximum, so that no request is a product without a limit.

What AWS documents (50 tags, 100 client ids, 5 thumbprints, 1,000 instances, 200 values of a filter) is AWS's; the rest
is ours. Use cases limit other lists.
"""
_LONGEST: Mapping[str, Mapping[str, int]] = {"ssm": {"ResourceId": 2048}, "sts": {"sourceIdentityType": 256}}
"""Characters of strings for which AWS's model has no maximum (a part of an ARN) or a smaller one than AWS accepts."""
_PATTERNS: Mapping[str, Mapping[str, str]] = {
    "ec2-instance-connect": {"InstanceId": "^m?i-[a-f0-9]+$", "AvailabilityZone": "^[A-Za-z0-9_-]+$"}
}
"""Managed nodes are instances here, in regions of any name."""
_JSON_SERVICES = ("ssm", "ec2messages", "tagging", "ec2-instance-connect", "cloudtrail", "kms", "ferryman")
_QUERY_SERVICES = ("sts", "iam", "ec2")
_OWN = files("ferryman.awsapi").joinpath("operations.json")

SERVICES = (
    "ssm",
    "sts",
    "iam",
    "ec2",
    "ec2-instance-connect",
    "tagging",
    "cloudtrail",
    "kms",
    "ec2messages",
    "ssmmessages",
    "ferryman",
)
"""As signatures are scoped to them."""


@cache
def service_model(service: str) -> ServiceModel:
    """Return a service's model; the first call for `ssm` takes about 20 ms. `service` is one of SERVICES."""
    own: dict[str, dict[str, Any]] = msgspec.json.decode(_OWN.read_bytes())
    description: dict[str, Any] = own.get(service, {})
    version = _BOTOCORE_VERSIONS.get(service)
    if version is not None:
        known = _botocore_model(service, version)
        description = {
            **known,
            "operations": {**known["operations"], **description.get("operations", {})},
            "shapes": {**known["shapes"], **description.get("shapes", {})},
        }
        for name, most in {**_MOST_MEMBERS.get(service, {}), **_LONGEST.get(service, {})}.items():
            description["shapes"][name] = {**description["shapes"][name], "max": most}
        for name, pattern in _PATTERNS.get(service, {}).items():
            description["shapes"][name] = {**description["shapes"][name], "pattern": pattern}
    return ServiceModel(description, service)


def _botocore_model(service: str, version: str) -> dict[str, Any]:
    """Return botocore's own model, not what the user may keep in ~/.aws/models; of a large one, what is served."""
    above = OWN_MODELS if service == "ferryman" else Path(Loader.BUILTIN_DATA_PATH)
    text = _text(above / _BOTOCORE_NAMES.get(service, service) / version)
    if service in _SERVED_PARTS:
        return _part(text, _SERVED_PARTS[service])
    model: dict[str, Any] = msgspec.json.decode(text)
    return model


def _text(folder: Path) -> bytes:
    """Return a model's JSON. botocore's own loader parses it ten times slower."""
    packed = folder / "service-2.json.gz"
    return gzip.decompress(packed.read_bytes()) if packed.exists() else (folder / "service-2.json").read_bytes()


class _Undecoded(msgspec.Struct, frozen=True):
    """A model whose operations and shapes are left as JSON: a fifth of the time and memory of reading all."""

    metadata: dict[str, Any]
    operations: dict[str, msgspec.Raw]
    shapes: dict[str, msgspec.Raw]


def _part(text: bytes, operations: tuple[str, ...]) -> dict[str, Any]:
    """Return a model with these operations and the shapes that they use, and nothing else."""
    whole = msgspec.json.decode(text, type=_Undecoded)
    kept: dict[str, dict[str, Any]] = {name: msgspec.json.decode(whole.operations[name]) for name in operations}
    shapes: dict[str, dict[str, Any]] = {}
    wanted = [each["shape"] for part in kept.values() for each in (part.get("input"), part.get("output")) if each]
    while wanted:
        name = wanted.pop()
        if name not in shapes:
            shape = shapes[name] = msgspec.json.decode(whole.shapes[name])
            within = (*shape.get("members", {}).values(), shape.get("member"), shape.get("key"), shape.get("value"))
            wanted += [each["shape"] for each in within if each]
    return {"metadata": whole.metadata, "operations": kept, "shapes": shapes}


def load_models() -> None:
    """Load every service's model now, which takes about 70 ms, so that the first calls do not wait for it."""
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
    return {service_model(service).metadata["targetPrefix"]: service for service in _JSON_SERVICES}


def query_versions() -> dict[str, str]:
    """Return API version → service, for the Query services."""
    return {service_model(service).metadata["apiVersion"]: service for service in _QUERY_SERVICES}
