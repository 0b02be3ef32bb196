"""An OpenID Connect provider with pages of its own, `oidc-provider-mock`, and a server that signs people in there."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.e2e.demo import Ferryman
from tests.ports import free_port
from tests.waiting import PATIENCE, wait_until

SETTINGS = """
[console.providers.company]
name = "The Company"
issuer = "{url}"
client_id = "console"
client_secret_file = "{secret}"
roles = ["People"]
"""
"""Added to the configuration of the demo's server."""


@contextlib.contextmanager
def company_provider(ferryman: Ferryman, admitted: str) -> Iterator[str]:
    """Run a provider until the end of the context, which signs in whoever asks: its URL.

    To a browser it is another site than the console at 127.0.0.1, as in the world. The server is started again, and
    lets those with the subject `admitted` in, as operators.
    """
    url = f"http://localhost:{free_port()}"
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", url.rpartition(":")[2]]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: _answers(url, process))
            _register(ferryman, url, admitted)
            _configure(ferryman, url)
            yield url
        finally:
            process.terminate()


def _answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE):  # noqa: S310 - the provider on loopback
            return True
    except OSError:
        return False


def _register(ferryman: Ferryman, url: str, admitted: str) -> None:
    iam = ferryman.client("iam")
    arn = iam.create_open_id_connect_provider(Url=url, ClientIDList=["console"])["OpenIDConnectProviderArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": arn},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{url.removeprefix('http://')}:sub": admitted}},
    }
    trust = json.dumps({"Version": "2012-10-17", "Statement": statement})
    iam.create_role(RoleName="People", AssumeRolePolicyDocument=trust)
    iam.attach_role_policy(RoleName="People", PolicyArn="arn:aws:iam::aws:policy/FerrymanOperator")


def _configure(ferryman: Ferryman, url: str) -> None:
    (configuration,) = Path(ferryman.facts["profile_dir"]).parent.rglob("ferryman.toml")
    secret = configuration.with_name("company.secret")
    secret.touch(mode=0o600)
    secret.write_text("any: the provider does not know its clients")
    with configuration.open("a") as file:
        file.write(SETTINGS.format(url=url, secret=secret))
    process = wait_until(ferryman.server_process)
    os.kill(process.pid, signal.SIGKILL)
    psutil.wait_procs([process])
    wait_until(ferryman.is_connected)
