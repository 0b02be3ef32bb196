"""From an OpenID Connect provider's login page to a shell through the stock AWS CLI, every part a real process."""

import contextlib
import json
import os
import shlex
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import psutil
import pytest

from tests.e2e.demo import Ferryman
from tests.e2e.people import person
from tests.e2e.processes.programs import FERRYMAN, PROGRAMS
from tests.e2e.processes.warm_programs import warm_programs
from tests.e2e.shell import OpenShell
from tests.ports import free_port
from tests.waiting import PATIENCE, wait_until

BROWSER = """\
import sys, urllib.parse, urllib.request
data = urllib.parse.urlencode({"sub": "shirley@example.com"}).encode()
with urllib.request.urlopen(sys.argv[1], data, timeout=180) as page:
    assert b"You are signed in" in page.read()
"""


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """`oidc-provider-mock`: a login page where a person types who they are."""
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:

            def accepts() -> bool:
                assert process.poll() is None
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    return True
                return False

            wait_until(accepts)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def role_for(ferryman: Ferryman, provider: str) -> str:
    """A role that the provider's people may take on, by the name that it vouches for."""
    iam = ferryman.client("iam")
    name = provider.removeprefix("http://")
    arn = iam.create_open_id_connect_provider(Url=provider, ClientIDList=["ferryman-cli"])["OpenIDConnectProviderArn"]
    bound = {"StringEquals": {"sts:RoleSessionName": f"${{{name}:email}}"}}
    allow = {"Effect": "Allow", "Principal": {"Federated": arn}, "Action": "sts:AssumeRoleWithWebIdentity"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": allow | {"Condition": bound}})
    made = iam.create_role(RoleName="People", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.attach_role_policy(RoleName="People", PolicyArn="arn:aws:iam::aws:policy/FerrymanOperator")
    return str(made)


class Person:
    """Someone with a configuration of their own and no keys; what `Shell` needs of a Ferryman."""

    def __init__(self, ferryman: Ferryman, home: Path) -> None:
        self.ferryman = ferryman
        self.node_id = ferryman.node_id
        self.config = home / "config"
        self.config.write_text("# mine\n[default]\nregion = eu-north-1\n")
        browser = home / "browser"
        browser.write_text(f"#!{sys.executable}\n{BROWSER}")
        browser.chmod(0o700)
        self.environment = {
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "AWS_CONFIG_FILE": str(self.config),
            "AWS_SHARED_CREDENTIALS_FILE": str(home / "credentials"),
            "AWS_PROFILE": "people",
            "AWS_PAGER": "",
            "BROWSER": str(browser),
        }

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return warm_programs.run(str(PROGRAMS / command[0]), *command[1:], environment=self.environment)


def test_the_servers_address_is_enough(start_ferryman: Callable[..., Ferryman], provider: str, tmp_path: Path) -> None:
    ferryman = start_ferryman("--tls")
    role_for(ferryman, provider)
    configuration = Path(ferryman.facts["profile_dir"]).parent / "ferryman.toml"
    with configuration.open("a") as file:
        file.write(f'\n[login]\nissuer = "{provider}"\nclient_id = "ferryman-cli"\nroles = ["People"]\n')
    server = psutil.Process(ferryman.facts["pids"]["server"])
    server.terminate()  # the demo starts it again
    server.wait(PATIENCE)  # until then it may still answer
    wait_until(ferryman.answers)
    home = tmp_path / "home"
    home.mkdir()
    person = Person(ferryman, home)
    for name in ("AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        del person.environment[name]
    secret = home / "client-secret"
    secret.write_text("any\n")
    url = ferryman.facts["endpoint_url"]
    before = sorted(home.rglob("*"))
    unasked = person.run("ferryman", "login", url, "--client-secret-file", str(secret))
    assert unasked.returncode == 1
    fingerprint = person.run("ferryman", "certificate", "fingerprint", "--config", str(configuration)).stdout.strip()
    assert f"its SHA-256 fingerprint is {fingerprint}" in unasked.stderr
    assert sorted(home.rglob("*")) == before
    login = [str(PROGRAMS / "ferryman"), "login", url, "--client-secret-file", str(secret)]
    child = pexpect.spawn(shlex.join(login), env=person.environment, encoding="utf-8", timeout=PATIENCE)
    child.expect_exact(fingerprint)
    child.expect_exact("Is it the same? [y/N]: ")
    child.sendline("y")
    child.expect("Signed in as (.*) until ")
    assert child.match[1].endswith("assumed-role/People/shirley@example.com")
    child.expect(pexpect.EOF)
    wait_until(lambda: not child.isalive())
    child.close()
    assert child.exitstatus == 0
    assert ferryman.node_id in person.run("ferryman", "nodes").stdout
    again = person.run("ferryman", "login")
    assert "The current context is now" in again.stdout, again.stderr
    assert "goes before it" not in again.stdout  # no variable is set but those that the context sets by itself
    exports = person.run("ferryman", "context", "env").stdout
    script = f"{exports}{PROGRAMS / 'aws'} sts get-caller-identity"
    done = subprocess.run(
        ["/bin/sh", "-c", script], env=person.environment, capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert json.loads(done.stdout)["Arn"].endswith("assumed-role/People/shirley@example.com")


def test_an_invitation_works_once(ferryman: Ferryman, tmp_path: Path) -> None:
    command = [FERRYMAN, "invitation", "create", "shirley"]
    made = warm_programs.run(*command, "--json", environment=ferryman.environment)
    url = json.loads(made.stdout)["Url"]
    homes = [tmp_path / "first", tmp_path / "second"]
    people = []
    for home in homes:
        home.mkdir()
        people.append(Person(ferryman, home))
        for name in ("AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            del people[-1].environment[name]
    first, second = people
    accepted = first.run("ferryman", "login", url)
    assert accepted.returncode == 0, accepted.stderr
    assert accepted.stdout.startswith("You are shirley. ")
    assert stat.S_IMODE((homes[0] / ".aws" / "credentials").stat().st_mode) == 0o600
    assert ferryman.node_id in first.run("ferryman", "nodes").stdout
    before = sorted(homes[1].rglob("*"))
    refused = second.run("ferryman", "login", url)
    assert (refused.returncode, "was redeemed or revoked" in refused.stderr) == (1, True)
    assert url.rpartition(".")[2] not in refused.stderr
    assert [path for path in sorted(homes[1].rglob("*")) if path.is_file()] == [
        path for path in before if path.is_file()
    ]
    again = warm_programs.run(*command, "--hours", "1", environment=ferryman.environment)
    assert again.returncode == 0, again.stderr
    assert "Created the user" not in again.stdout


@pytest.mark.parametrize("groups", [[], ["crew"], ["crew", "unknown"]])
def test_an_invitation_that_cannot_be_made_leaves_no_user(ferryman: Ferryman, groups: list[str]) -> None:
    iam = ferryman.client("iam")
    with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_group(GroupName="crew")
    may_not_invite = person(ferryman, f"jen-{len(groups)}", "iam:*")
    options = [f"--group={each}" for each in groups]
    command = [FERRYMAN, "invitation", "create", "maurice", *options]
    refused = warm_programs.run(*command, environment=may_not_invite.environment)
    assert refused.returncode == 1, refused.stdout
    assert "maurice" not in {user["UserName"] for user in iam.list_users()["Users"]}
    assert iam.get_group(GroupName="crew")["Users"] == []


def test_a_login_ends_in_a_shell(ferryman: Ferryman, provider: str, open_shell: OpenShell, tmp_path: Path) -> None:
    role = role_for(ferryman, provider)
    person = Person(ferryman, tmp_path)
    unsigned = person.run("ferryman", "credentials", "--profile", "people")
    assert (unsigned.returncode, unsigned.stdout) == (1, "")
    server = ["--endpoint-url", ferryman.facts["endpoint_url"], "--region", ferryman.facts["region"]]
    secret = tmp_path / "client-secret"
    secret.write_text("any\n")  # this provider has no public clients
    client = ["--client-id", "ferryman-cli", "--client-secret-file", str(secret)]
    login = ["--issuer", provider, *client, "--role-arn", role, *server]
    signed_in = person.run("ferryman", "login", *login)
    assert signed_in.returncode == 0, signed_in.stderr
    arn = f"arn:aws:sts::{ferryman.facts['account_id']}:assumed-role/People/shirley@example.com"
    assert f"Signed in as {arn} until " in signed_in.stdout
    assert person.config.read_text().startswith("# mine\n[default]\nregion = eu-north-1\n\n[profile people]\n")
    assert json.loads(person.run("aws", "sts", "get-caller-identity").stdout)["Arn"] == arn
    (cache,) = (tmp_path / ".cache" / "ferryman" / "login").glob("*.json")
    assert stat.S_IMODE(cache.stat().st_mode) == 0o600
    person.environment["PATH"] = f"{PROGRAMS}:{person.environment['PATH']}"
    shell = open_shell(person)
    session_id = shell.session_id()
    shell.prompt()
    shell.run("echo $((6*7))", "42\r\n")
    assert ferryman.session_row(session_id)["Owner"] == arn
    assert session_id.startswith("shirley@example.com-")
    shell.child.send("exit\n")
    assert shell.end() == 0
    assert person.run("ferryman", "logout").returncode == 0
    assert "not signed in" in person.run("aws", "sts", "get-caller-identity").stderr
