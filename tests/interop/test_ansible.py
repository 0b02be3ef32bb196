"""Ansible's connection plugin community.aws.aws_ssm, with the bucket it needs in moto's S3 server."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ferryman.client.login.aws_config import Section, with_nested_settings
from ferryman.client.login.service_endpoints import with_endpoint
from tests.boto_clients import boto_client
from tests.e2e.demo import Ferryman, running_demo
from tests.e2e.processes.programs import PROGRAMS
from tests.ports import free_port
from tests.waiting import PATIENCE, PROCESSES_TIMEOUT, wait_until

VARIABLE = "FERRYMAN_TEST_ANSIBLE"
"""The bin directory of a virtual environment with ansible, boto3 and moto[server]."""
BUCKET = "ansible-files"
PLAYBOOK = """\
- hosts: nodes
  tasks:
    - ansible.builtin.command: uname -s
      register: name
    - ansible.builtin.assert: {that: name.stdout == "Linux"}
    - ansible.builtin.copy: {content: "brought\\n", dest: "WORK/brought"}
    - ansible.builtin.fetch: {src: "WORK/brought", dest: "WORK/fetched", flat: true}
"""


@pytest.fixture(scope="module")
def programs() -> Path:
    directory = Path(os.environ.get(VARIABLE, "/nonexistent"))
    for program in ("ansible-playbook", "moto_server"):
        if not (directory / program).exists():
            pytest.skip(f"{VARIABLE} names no directory with {program}")
    return directory


@pytest.fixture(scope="module")
def ferryman(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ferryman]:
    with running_demo(tmp_path_factory.mktemp("demo")) as running:
        yield running


@pytest.fixture
def s3(programs: Path, tmp_path: Path) -> Iterator[str]:
    """The address of an S3 server with the bucket; it accepts any key."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with (tmp_path / "moto.log").open("w") as log:
        server = subprocess.Popen(
            [str(programs / "moto_server"), "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log
        )
    try:
        wait_until(lambda: "Running on" in (tmp_path / "moto.log").read_text())
        boto_client("s3", url, "us-east-1", ("any", "any")).create_bucket(Bucket=BUCKET)
        yield url
    finally:
        server.terminate()
        server.wait(PATIENCE)


def play(programs: Path, ferryman: Ferryman, config: str, work: Path) -> subprocess.CompletedProcess[str]:
    """Run the playbook on the demo's node with a profile of `config`."""
    (work / "config").write_text(config)
    (work / "playbook.yml").write_text(PLAYBOOK.replace("WORK", str(work)))
    (work / "inventory.ini").write_text(
        f"[nodes]\n{ferryman.node_id}\n\n[nodes:vars]\n"
        "ansible_connection=community.aws.aws_ssm\n"
        f"ansible_aws_ssm_plugin={PROGRAMS / 'session-manager-plugin'}\n"
        f"ansible_aws_ssm_region={ferryman.facts['region']}\n"
        f"ansible_aws_ssm_bucket_name={BUCKET}\n"
        "ansible_python_interpreter=/usr/bin/python3\n"
        f"ansible_remote_tmp={work / 'remote'}\n"
    )
    environment = {
        "HOME": str(work),
        "LANG": "C.UTF-8",
        "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
        "AWS_CONFIG_FILE": str(work / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(Path(ferryman.facts["profile_dir"]) / "credentials"),
    }
    return subprocess.run(
        [str(programs / "ansible-playbook"), "-i", "inventory.ini", "playbook.yml"],
        cwd=work,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PROCESSES_TIMEOUT,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_a_playbook_runs_and_its_files_pass_through_the_bucket(
    programs: Path, ferryman: Ferryman, s3: str, tmp_path: Path
) -> None:
    made = (Path(ferryman.facts["profile_dir"]) / "config").read_text()
    config = with_nested_settings(made, Section("services", "ferryman-default"), "endpoint_url", {"s3": s3})
    done = play(programs, ferryman, config, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "fetched").read_text() == "brought\n"


def test_a_global_endpoint_sends_the_bucket_to_ferryman(
    programs: Path, ferryman: Ferryman, s3: str, tmp_path: Path
) -> None:
    """Why `ferryman init` writes a services section."""
    config = with_endpoint("[default]\nendpoint_url = http://127.0.0.1:9\n", "default", ferryman.facts["endpoint_url"])
    done = play(programs, ferryman, config, tmp_path)
    assert done.returncode != 0
    assert "HeadBucket" in done.stdout
