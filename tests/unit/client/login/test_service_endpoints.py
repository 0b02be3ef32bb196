"""The server's address in a profile, read and written as botocore reads it."""

from pathlib import Path

import pytest
from botocore.loaders import create_loader
from botocore.session import Session

from ferryman.client.login.service_endpoints import SERVED, read_endpoint, with_endpoint
from ferryman.model.failures import Failure

URL = "https://sessions.example.com:7330"
OTHER = "https://old.example.com"
AWS_S3 = "https://s3.amazonaws.com"
BUCKETS = "https://minio.example.com"
_MODELS = create_loader()
"""It keeps the services' models, which take long to read."""
IN_BOTOCORE = tuple(service for service in SERVED if service not in ("ssmmessages", "ferryman"))
"""botocore has no client of ssmmessages."""

SERVICES_OF_ITS_OWN = f"""\
[profile p]
region = us-east-1
services = mine

# theirs
[services mine]
s3 =
    # buckets
    endpoint_url = {BUCKETS}
    addressing_style = path
sts =
  endpoint_url = {OTHER}
"""
GLOBAL = f"[profile p]\nregion = us-east-1\nendpoint_url = {OTHER}\n"


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"):
        monkeypatch.delenv(name, raising=False)


def endpoints(path: Path, text: str, profile: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Where botocore sends the calls of each service that Ferryman answers, and of S3."""
    path.write_text(text)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(path))
    session = Session(profile=profile)
    session.register_component("data_loader", _MODELS)
    names = {service: service.replace("_", "-") for service in IN_BOTOCORE}
    names["resource_groups_tagging_api"] = "resourcegroupstaggingapi"
    key = {"aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "example"}
    return {
        service: str(session.create_client(name, region_name="us-east-1", **key).meta.endpoint_url)
        for service, name in {**names, "s3": "s3"}.items()
    }


@pytest.mark.parametrize(
    ("text", "profile", "served", "s3"),
    [
        ("", "default", URL, AWS_S3),
        ("[default]\nregion = eu-west-1\n", "p", URL, AWS_S3),
        (SERVICES_OF_ITS_OWN, "p", URL, BUCKETS),
        # It was made for all services, and stays so.
        (GLOBAL, "p", URL, URL),
        (GLOBAL + SERVICES_OF_ITS_OWN.partition("region = us-east-1\n")[2], "p", URL, BUCKETS),
        ("[profile p]\nservices = gone\n", "p", URL, AWS_S3),
        ("[profile p]\nservices = m\n[services m]\nssm =\n\n  x = 1\n\n  endpoint_url = https://a\n", "p", URL, AWS_S3),
    ],
)
def test_served_services_reach_the_server_and_s3_does_not(
    text: str, profile: str, served: str, s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = with_endpoint(text, profile, URL)
    found = endpoints(tmp_path / "config", changed, profile, monkeypatch)
    reached = found.pop("s3")
    assert found == dict.fromkeys(IN_BOTOCORE, served)
    assert reached == s3
    assert with_endpoint(changed, profile, URL) == changed
    kept = [line for line in text.splitlines() if OTHER not in line and "https://a" not in line]
    assert [line for line in changed.splitlines() if line in kept] == kept


def test_what_a_new_profile_gets() -> None:
    assert with_endpoint("", "default", URL) == (
        "[default]\nservices = ferryman-default\n\n[services ferryman-default]\n"
        + "".join(f"{service} =\n  endpoint_url = {URL}\n" for service in SERVED)
    )


@pytest.mark.parametrize(
    "text",
    [
        GLOBAL,
        SERVICES_OF_ITS_OWN,
        GLOBAL + "services = mine\n" + SERVICES_OF_ITS_OWN.partition("services = mine\n")[2],
        with_endpoint("", "p", URL),
        f'[profile p]\nservices = a b\n[services "a b"]\nsts =\n  endpoint_url={URL}\n',
        f"[profile p]\nservices = m\n[services m]\nsts =\n  # endpoint_url = {OTHER}\n\tendpoint_url = {URL}\n",
        f"[services m]\nsts =\n  endpoint_url = {URL}\n[profile p]\nservices = m\n[profile q]\nregion = x\n",
        f"[profile p]\nservices = m\n[services m]\nssm =\n  endpoint_url = {URL}\n",
    ],
)
def test_an_address_is_read_as_botocore_reads_it(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = endpoints(tmp_path / "config", text, "p", monkeypatch)
    for service in ("ssm", "sts"):
        assert (read_endpoint(text, "p", service) or f"https://{service}.us-east-1.amazonaws.com") == found[service]


def test_a_section_that_another_profile_uses_is_left_alone() -> None:
    shared = SERVICES_OF_ITS_OWN + "[profile q]\nservices = mine\n"
    with pytest.raises(Failure, match=r"services mine.*profile q's"):
        with_endpoint(shared, "p", URL)


def test_an_address_cannot_bring_settings_of_its_own() -> None:
    with pytest.raises(Failure, match="several lines"):
        with_endpoint("", "p", "https://h\ncredential_process = evil")
