"""A server under the name of AWS's own endpoint, for clients that refuse any other StreamUrl.

The name is resolved in namespaces of the test's own: this machine's hosts file stays as it is.
"""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.e2e.processes.programs import PROGRAMS
from tests.interop.lab import PLUGIN_VARIABLE, Lab, aws_plugin
from tests.waiting import wait_until

REGION = "eu-south-2"
HOST = f"ssmmessages.{REGION}.amazonaws.com"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A server at HOST and an agent that knows it by that name."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("namespaces need root and unshare")
    lab = Lab(tmp_path_factory.mktemp("lab"), None)
    try:
        hosts = lab.path("/etc/hosts")
        hosts.write_text(f"127.0.0.1 localhost {HOST}\n")
        where = lab.directory / "server"
        lab.run(
            PROGRAMS / "ferryman", "init", "--tls", "--directory", where,
            "--listen", "127.0.0.1:443", "--public-host", HOST, "--region", REGION,
        )  # fmt: skip
        lab.trust(lab.authority.read_bytes())
        lab.serve_again()
        yield lab
    finally:
        lab.close()


@pytest.fixture(scope="module")
def node(lab: Lab) -> str:
    """The node's id, once its agent is connected."""
    made = json.loads(ferryman(lab, "activation", "create", "--json"))
    state = lab.directory / "agent"
    registered = lab.run(
        PROGRAMS / "ferryman", "agent", "register", "--endpoint-url", f"https://{HOST}", "--region", REGION,
        "--activation-id", made["ActivationId"], "--activation-code", "-",
        "--ca-file", lab.authority, "--state-dir", state,
        input=made["ActivationCode"].encode(),
    )  # fmt: skip
    lab.start("agent.log", PROGRAMS / "ferryman", "agent", "run", "--state-dir", state)
    node_id = registered.stdout.decode().strip()
    wait_until(lambda: json.loads(ferryman(lab, "nodes", "--json"))[0]["PingStatus"] == "Online")
    return node_id


def ferryman(lab: Lab, *arguments: str) -> str:
    """The standard output of a command of ours, as the administrator."""
    return lab.run(PROGRAMS / "ferryman", *arguments, env=lab.environment(PROGRAMS)).stdout.decode()


def accepted_by_aws_ssm_bridge(stream_url: str) -> bool:
    """The rule of aws-ssm-bridge 0.6.0 for StreamUrls, restated (its `EndpointPolicy::AwsOnly`)."""
    url = urlsplit(stream_url)
    labels = (url.hostname or "").split(".")
    in_aws = labels[-2:] == ["amazonaws", "com"] or labels[-3:] == ["amazonaws", "com", "cn"]
    is_ssm = any(label == "ssmmessages" or label.startswith("ssmmessages-") for label in labels)
    return url.scheme == "wss" and in_aws and is_ssm


def test_the_stream_url_passes_for_awss(lab: Lab, node: str) -> None:
    answer = lab.run(
        PROGRAMS / "aws", "ssm", "start-session", "--target", node, "--debug",
        "--document-name", "AWS-StartNonInteractiveCommand", "--parameters", "command=true",
        env=lab.environment(PROGRAMS / "session-manager-plugin"),
    )  # fmt: skip
    (url,) = {
        part for part in answer.stderr.decode().replace('"', " ").replace("'", " ").split() if part.startswith("wss:")
    }
    assert url.startswith(f"wss://{HOST}/v1/data-channel/")
    assert accepted_by_aws_ssm_bridge(url)
    assert not accepted_by_aws_ssm_bridge(url.replace(HOST, "sessions.example.com"))


@pytest.mark.parametrize("plugin", ["ferryman", "aws"])
def test_a_command_runs(lab: Lab, node: str, plugin: str) -> None:
    program = PROGRAMS / "session-manager-plugin" if plugin == "ferryman" else aws_plugin()
    if program is None:
        pytest.skip(f"AWS's session-manager-plugin is not installed; {PLUGIN_VARIABLE} may name it")
    # AWS's plugin gives up when its standard input has ended.
    kept_open, writer = os.pipe()
    try:
        done = lab.run(
            PROGRAMS / "aws", "ssm", "start-session", "--target", node,
            "--document-name", "AWS-StartNonInteractiveCommand", "--parameters", "command=uname -s",
            env=lab.environment(Path(program)), stdin=kept_open,
        )  # fmt: skip
    finally:
        os.close(kept_open)
        os.close(writer)
    assert "Linux" in done.stdout.decode()
