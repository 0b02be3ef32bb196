"""Which server a command talks to: the order of what says so, and the commands that change it."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
import typer
from typer.testing import CliRunner, Result

from ferryman.awsapi import OWN_MODELS
from ferryman.cli.app import app
from ferryman.cli.contexts import NamedContext, described, use_context
from ferryman.cli.options import ProfileOption
from ferryman.client.login.contexts import Context, Contexts, contexts_file, read_contexts, write_contexts
from ferryman.model.failures import Failure

LAB = Context("https://lab.example.com", "lab")
OWN = Context("http://127.0.0.1:7330", "default", "/srv/aws/config", "/srv/aws/credentials", "/srv/tls/ca.pem")
SHOWN = ("AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_CA_BUNDLE", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL_STS")


@pytest.fixture(autouse=True)
def environment(tmp_path: Path) -> Iterator[None]:
    places = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    with mock.patch.dict(os.environ, places, clear=True):
        write_contexts(Contexts({"lab": LAB, "own": OWN}, "lab"))
        yield


def seen(*words: str, **environment: str) -> dict[str, str]:
    """What a command of the server's API sees of the environment."""
    outer = typer.Typer()
    registered = app.registered_callback
    assert registered is not None
    assert registered.callback is not None
    outer.callback()(registered.callback)
    found: dict[str, str] = {}

    @outer.command("call")
    def call(*, profile: ProfileOption = None) -> None:
        found.update({name: os.environ[name] for name in SHOWN if name in os.environ})
        found.update({} if profile is None else {"--profile": profile})

    with mock.patch.dict(os.environ, environment):
        done = CliRunner().invoke(outer, list(words))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return found


def test_the_current_context_is_used() -> None:
    assert seen("call") == {"AWS_PROFILE": "lab"}


def test_a_named_context_replaces_the_environment() -> None:
    aws = {"AWS_PROFILE": "work", "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKIA", "AWS_ENDPOINT_URL_STS": "x"}
    wanted = {"AWS_PROFILE": "default", "AWS_CONFIG_FILE": "/srv/aws/config", "AWS_CA_BUNDLE": "/srv/tls/ca.pem"}
    assert seen("--context", "own", "call", **aws) == wanted
    assert seen("call", FERRYMAN_CONTEXT="own", **aws) == wanted
    assert seen("--context", "own", "call", FERRYMAN_CONTEXT="lab") == wanted


@pytest.mark.parametrize("variable", ["AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL_STS"])
def test_variables_of_aws_go_before_the_current_context(variable: str) -> None:
    assert seen("call", **{variable: "mine"}) == {variable: "mine"}


def test_a_region_alone_names_no_server() -> None:
    assert seen("call", AWS_REGION="eu-west-1") == {"AWS_PROFILE": "lab"}


def test_a_profile_is_used_without_a_context() -> None:
    assert seen("call", "--profile", "work", FERRYMAN_CONTEXT="own") == {"--profile": "work"}
    with pytest.raises(Failure, match="Leave one of them out"):
        seen("--context", "own", "call", "--profile", "work")


def test_a_subcommands_profile_undoes_the_groups_context() -> None:
    click_context = typer.Context(typer.main.get_command(app))
    click_context.obj = NamedContext("own", by_option=False)
    assert use_context(click_context, None) is None
    assert os.environ["AWS_CONFIG_FILE"] == "/srv/aws/config"
    assert use_context(click_context, "work") == "work"
    assert "AWS_CONFIG_FILE" not in os.environ


@pytest.mark.parametrize(
    ("named", "profile", "variables", "words"),
    [
        (NamedContext(None, by_option=False), None, {}, "context lab"),
        (NamedContext("own", by_option=True), None, {}, "context own, by --context"),
        (NamedContext("own", by_option=False), None, {"AWS_PROFILE": "work"}, "context own, by FERRYMAN_CONTEXT"),
        (NamedContext(None, by_option=False), None, {"AWS_PROFILE": "work"}, "no context: AWS_PROFILE is set"),
        (NamedContext(None, by_option=False), "work", {}, "profile work"),
    ],
)
def test_a_command_says_what_chose_its_server(
    named: NamedContext, profile: str | None, variables: dict[str, str], words: str
) -> None:
    click_context = typer.Context(typer.main.get_command(app))
    click_context.obj = named
    with mock.patch.dict(os.environ, variables):
        use_context(click_context, profile)  # which sets AWS's variables
        assert described(click_context, profile) == words


def test_an_unknown_context_names_those_there_are() -> None:
    with pytest.raises(Failure, match="no context prod: those that exist are lab, own"):
        seen("--context", "prod", "call")


def ran(*words: str, **environment: str) -> Result:
    with mock.patch.dict(os.environ, environment):
        return CliRunner().invoke(app, ["context", *words])


def test_contexts_are_listed_and_chosen() -> None:
    assert [row["name"] for row in json.loads(ran("list", "--json").stdout) if row["current"]] == ["lab"]
    assert "current context is now own" in ran("use", "own").stdout
    assert ran("list").stdout.splitlines()[-1].split()[:2] == ["own", "current"]
    assert "unset AWS_PROFILE" in ran("use", "lab", AWS_PROFILE="work").stdout
    assert read_contexts().current == "lab"
    assert contexts_file().stat().st_mode & 0o777 == 0o600


def test_it_is_shown_what_is_used_and_why() -> None:
    assert "Chosen   by the current context" in ran("show").stdout
    assert "Chosen   by FERRYMAN_CONTEXT" in ran("show", FERRYMAN_CONTEXT="own").stdout
    text = ran("show", AWS_PROFILE="work").stdout
    assert text.startswith("No context is used: AWS_PROFILE is set.")
    assert "1. a command's --profile" in text


def test_a_shell_gets_the_context() -> None:
    lines = ran("env", FERRYMAN_CONTEXT="own", AWS_ACCESS_KEY_ID="AKIA", HOME="/x y").stdout.splitlines()
    assert lines == [
        "unset AWS_ACCESS_KEY_ID",
        "export AWS_CA_BUNDLE=/srv/tls/ca.pem",
        "export AWS_CONFIG_FILE=/srv/aws/config",
        "export AWS_PROFILE=default",
        "export AWS_SHARED_CREDENTIALS_FILE=/srv/aws/credentials",
        f"export AWS_DATA_PATH={OWN_MODELS}",
    ]
    again = ran("env", FERRYMAN_CONTEXT="own", AWS_DATA_PATH=f"/srv/models:{OWN_MODELS}").stdout.splitlines()
    assert again[-1] == f"export AWS_DATA_PATH=/srv/models:{OWN_MODELS}"


def test_a_deleted_context_is_no_longer_current() -> None:
    done = ran("delete", "lab")
    assert "The profile lab in" in done.stdout
    assert (read_contexts().current, list(read_contexts().contexts)) == ("", ["own"])
    assert seen("call") == {}
    assert "no context lab" in str(ran("delete", "lab").exception)


def test_a_file_that_cannot_be_read_is_named() -> None:
    contexts_file().write_text("{")
    with pytest.raises(Failure, match=r"contexts\.json cannot be read"):
        seen("call")
    assert seen("call", AWS_PROFILE="work") == {"AWS_PROFILE": "work"}
