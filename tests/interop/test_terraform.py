"""Terraform's resources of IAM and SSM, made, changed and destroyed by the real program and its AWS provider."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ferryman.cli.operate.init import Initialised, ServerPlan, initialise
from tests.boto_clients import boto_client
from tests.ports import free_port
from tests.waiting import PATIENCE, PROCESSES_TIMEOUT

PLUGINS_VARIABLE = "FERRYMAN_TEST_TERRAFORM_PLUGINS"
CONFIGURATION = [Path(__file__).with_name(name) for name in ("resources.tf", "keys.tf")]
REGION, ACCOUNT = "eu-west-1", "111122223333"
CHANGED, NO_CHANGES = 2, 0

Terraform = Callable[..., int]


@pytest.fixture
def programs() -> tuple[str, str]:
    """Terraform, and the directory with its AWS provider."""
    program, plugins = shutil.which("terraform"), os.environ.get(PLUGINS_VARIABLE)
    if program is None or plugins is None:
        pytest.skip(f"terraform is not installed, or {PLUGINS_VARIABLE} names no directory with its AWS provider")
    return program, plugins


@pytest.fixture
def made(tmp_path: Path, programs: tuple[str, str]) -> Iterator[Initialised]:
    """A server of the test's own, in another region than that which Terraform signs for by default."""
    port = free_port()
    plan = ServerPlan(tmp_path / "server", listen=f"127.0.0.1:{port}", region=REGION, account_id=ACCOUNT)
    made = initialise(plan)
    program = Path(sys.executable).with_name("ferryman")
    command = [str(program), "server", "--config", str(made.configuration)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        assert server.stdout is not None
        for line in server.stdout:
            if "listening" in line:
                break
        else:
            pytest.fail("the server did not start")
        with (tmp_path / "server.log").open("w") as log:
            copying = subprocess.Popen(["cat"], stdin=server.stdout, stdout=log)
            yield made
            server.terminate()
            copying.wait(PATIENCE)


@pytest.fixture
def terraform(tmp_path: Path, made: Initialised, programs: tuple[str, str]) -> Terraform:
    """Runs Terraform on the configuration; returns its exit status."""
    program, plugins = programs
    work = tmp_path / "terraform"
    work.mkdir()
    for file in CONFIGURATION:
        shutil.copy(file, work)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(work),
        "AWS_ACCESS_KEY_ID": made.credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": made.credentials.secret_access_key.reveal(),
        "TF_VAR_endpoint": made.public_url,
        "CHECKPOINT_DISABLE": "1",
        "TF_CLI_ARGS": "-no-color",
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
    }

    def run(command: str, *arguments: str, **variables: str) -> int:
        changed = environment | {f"TF_VAR_{name}": value for name, value in variables.items()}
        done = subprocess.run(
            [program, command, *arguments],
            cwd=work,
            env=changed,
            capture_output=True,
            text=True,
            timeout=PROCESSES_TIMEOUT,
            check=False,
        )
        assert done.returncode != 1, done.stdout[-2000:] + done.stderr
        return done.returncode

    assert run("init", f"-plugin-dir={plugins}") == 0
    return run


def client(made: Initialised, service: str) -> Any:
    secret = made.credentials.secret_access_key.reveal()
    return boto_client(service, made.public_url, REGION, (made.credentials.access_key_id, secret))


def resources_of_kms(kms: Any) -> dict[str, str]:
    """Resources of `keys.tf` by name, and what `terraform import` calls them."""
    keys = {
        kms.describe_key(KeyId=each["KeyId"])["KeyMetadata"]["Description"]: each["KeyId"]
        for each in kms.list_keys()["Keys"]
    }
    sessions, recordings = keys[""], keys["ssm:ListDocuments"]
    grants = {grant["Name"]: grant["GrantId"] for grant in kms.list_grants(KeyId=sessions)["Grants"] if "Name" in grant}
    return {
        "aws_kms_key.recordings": recordings,
        "aws_kms_key.sessions": sessions,
        "aws_kms_alias.recordings": "alias/recordings",
        "aws_kms_grant.alice": f"{sessions}:{grants['alice']}",
    }


@pytest.mark.timeout(4 * PROCESSES_TIMEOUT)
def test_terraform_finds_again_what_it_created(terraform: Terraform, made: Initialised) -> None:
    iam, ssm, kms = client(made, "iam"), client(made, "ssm"), client(made, "kms")
    assert terraform("apply", "-auto-approve") == 0
    assert terraform("plan", "-detailed-exitcode") == NO_CHANGES
    assert terraform("plan", "-detailed-exitcode", action="ssm:ListDocuments") == CHANGED
    assert terraform("apply", "-auto-approve", action="ssm:ListDocuments") == 0
    assert terraform("plan", "-detailed-exitcode", action="ssm:ListDocuments") == NO_CHANGES
    alice = iam.get_user(UserName="alice")["User"]
    assert alice["Path"] == "/ops/"
    boundary = alice["PermissionsBoundary"]["PermissionsBoundaryArn"]
    assert boundary.endswith(":policy/ops/look")
    assert len(iam.list_policy_versions(PolicyArn=boundary)["Versions"]) == 2
    assert ssm.describe_document(Name="Greet")["Document"]["DefaultVersion"] == "2"
    imported = resources_of_kms(kms)
    terraform("state", "rm", *imported)
    for resource, its_id in imported.items():
        terraform("import", resource, its_id, action="ssm:ListDocuments")
    assert terraform("plan", "-detailed-exitcode", action="ssm:ListDocuments") == NO_CHANGES
    assert terraform("destroy", "-auto-approve", action="ssm:ListDocuments") == 0
    assert kms.list_aliases()["Aliases"] == []
    states = [kms.describe_key(KeyId=each["KeyId"])["KeyMetadata"]["KeyState"] for each in kms.list_keys()["Keys"]]
    assert states == ["PendingDeletion"] * 2
    assert [kms.list_grants(KeyId=each["KeyId"])["Grants"] for each in kms.list_keys()["Keys"]] == [[], []]
    assert [user["UserName"] for user in iam.list_users()["Users"]] == ["admin"]
    assert iam.list_policies(Scope="Local")["Policies"] == []
    assert iam.list_groups()["Groups"] == []
    assert iam.list_roles()["Roles"] == []
    assert iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == []
    assert ssm.describe_activations()["ActivationList"] == []
    assert ssm.list_documents(Filters=[{"Key": "Owner", "Values": ["Self"]}])["DocumentIdentifiers"] == []
