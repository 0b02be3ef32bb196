"""What `activation create` prints for the machines that register."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ferryman.cli.app import app
from ferryman.cli.manage import activations
from ferryman.client.calls.api import Api
from ferryman.client.login.contexts import Context, Contexts, write_contexts


class Client:
    """Answers CreateActivation."""

    class meta:  # noqa: N801 botocore's name
        region_name = "us-east-1"

    def call(self, _operation: str, **_members: object) -> Mapping[str, str]:
        return {"ActivationId": "the-id", "ActivationCode": "thecode"}


@pytest.mark.parametrize(
    ("endpoint", "profile", "variable", "trusted"),
    [
        ("https://sessions.example.com", "/etc/ferryman/ca.pem", None, "/etc/ferryman/ca.pem"),
        ("https://sessions.example.com", None, None, None),
        ("https://sessions.example.com", "/etc/ssl/all.pem", "/etc/ssl/all.pem", None),
        ("http://127.0.0.1:7330", "/etc/ferryman/ca.pem", None, None),
    ],
)
def test_machines_are_told_to_trust_the_authority_that_the_profile_names(
    endpoint: str, profile: str | None, variable: str | None, trusted: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable is not None:
        monkeypatch.setenv("AWS_CA_BUNDLE", variable)
    monkeypatch.setattr(Api, "call", Client().call)
    monkeypatch.setattr(activations, "connect", lambda _: Api(Client(), endpoint, profile))
    done = CliRunner().invoke(app, ["activation", "create"])
    assert done.exit_code == 0, done.output
    assert "--activation-id the-id" in done.output
    assert done.output.count(f"--ca-file {trusted}") == (2 if trusted else 0)
    assert ("copy" in done.output) is (trusted is not None)


def test_machines_are_told_to_trust_the_authority_of_the_context(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ferryman init --tls` makes a context, and a context names its authority in AWS_CA_BUNDLE."""
    authority = tmp_path / "ca.pem"
    authority.touch()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    context = Context("https://sessions.example.com", "default", "", "", str(authority))
    write_contexts(Contexts({"here": context}, "here"))
    monkeypatch.setattr(Api, "call", Client().call)
    monkeypatch.setattr(
        activations, "connect", lambda _: Api(Client(), context.server, os.environ.get("AWS_CA_BUNDLE"))
    )
    done = CliRunner().invoke(app, ["activation", "create"])
    assert done.exit_code == 0, done.output
    assert done.output.count(f"--ca-file {authority}") == 2
