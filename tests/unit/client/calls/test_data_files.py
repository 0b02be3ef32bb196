"""botocore's data files as the client reads them: the same content, but decoded only where it is used."""

import gzip
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from botocore.loaders import Loader
from botocore.regions import EndpointResolver

from ferryman.client.calls.api import Connection, connect
from ferryman.client.calls.aws_session import SERVICES
from ferryman.client.calls.data_files import DataFiles, DecodedOnLookup

DATA = Path(Loader.BUILTIN_DATA_PATH)
SSM = DATA / "ssm" / "2014-11-06" / "service-2"


def undecoded(members: dict[str, Any]) -> int:
    return sum(isinstance(value, msgspec.Raw) for value in members.values())


def test_a_model_has_all_of_its_parts() -> None:
    known, read = json.loads(gzip.decompress(SSM.with_suffix(".json.gz").read_bytes())), DataFiles().load_file(str(SSM))
    assert list(read) == list(known)
    assert list(read["shapes"]) == list(known["shapes"])
    assert {name: read["shapes"][name] for name in known["shapes"]} == known["shapes"]
    assert {name: read.get(name) for name in known} == known
    assert read["shapes"].get("NoSuchShape", "none") == "none"


def test_a_call_decodes_few_shapes_and_no_other_services_endpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    read = dict[str, Any]()

    class Watched(DataFiles):
        def load_file(self, file_path: str) -> Any:
            read[Path(file_path).name] = content = super().load_file(file_path)
            return content

    monkeypatch.setattr("ferryman.client.calls.data_files.DataFiles", Watched)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    connect(Connection(region="us-east-1", endpoint_url="http://127.0.0.1:1"))
    shapes, services = read["service-2"]["shapes"], read["endpoints"]["partitions"][0]["services"]
    assert len(shapes) - undecoded(shapes) < 20
    assert len(services) - undecoded(services) == 1


@pytest.mark.parametrize("region", ["us-east-1", "cn-north-1", "eu-central-1", "nowhere-1"])
def test_endpoints_are_those_of_botocore(region: str) -> None:
    ours = EndpointResolver(DataFiles().load_file(str(DATA / "endpoints")))
    theirs = EndpointResolver(json.loads((DATA / "endpoints.json").read_bytes()))
    for service in (*SERVICES, "portal.sso", "oidc"):
        assert ours.construct_endpoint(service, region) == theirs.construct_endpoint(service, region)


def test_a_missing_file_is_not_an_error(tmp_path: Path) -> None:
    assert DataFiles().load_file(str(tmp_path / "endpoints")) is None
    assert not DataFiles().exists(str(tmp_path / "endpoints"))


def test_members_are_decoded_once() -> None:
    members = DecodedOnLookup(b'{"a": {"b": 1}}')
    assert members["a"] is members["a"]
