"""Which releases of the AWS CLI are too old to find a server by a profile."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from ferryman.cli.app import app
from ferryman.cli.aws_cli import find_aws_cli
from ferryman.cli.doctor.client import CheckResult, examine_client
from ferryman.client.calls.api import Connection

RELEASES = [
    ("aws-cli/1.28.1 Python/3.11.2 Linux/6.1 botocore/1.30.1", True),
    ("aws-cli/1.29.0 Python/3.11.2 Linux/6.1 botocore/1.31.0", False),
    ("aws-cli/1.9.0 Python/3.4.0", True),
    ("aws-cli/2.12.7 Python/3.11.4 Linux/6.1 exe/x86_64", True),
    ("aws-cli/2.13.0 Python/3.11.4 Linux/6.1 exe/x86_64", False),
    ("aws-cli/3.0.0", False),
]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    return tmp_path


def install(path: Path, script: str) -> None:
    program = path / "aws"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


@pytest.mark.parametrize(("said", "too_old"), RELEASES)
@pytest.mark.parametrize("where", ["", ">&2"])
def test_a_release_that_ignores_profiles_is_known(path: Path, said: str, too_old: bool, where: str) -> None:
    install(path, f"echo '{said}' {where}")
    found = find_aws_cli()
    assert found is not None
    assert found.is_too_old is too_old
    finding = examine_client(Connection(), None)[0]
    assert finding.verdict is (CheckResult.BAD if too_old else CheckResult.GOOD)
    assert ("--endpoint-url" in finding.advice) is too_old


@pytest.mark.parametrize("script", ["exit 1", "echo gibberish"])
def test_one_that_does_not_say_its_version_is_doubtful(path: Path, script: str) -> None:
    install(path, script)
    assert examine_client(Connection(), None)[0].verdict is CheckResult.DOUBTFUL


@pytest.mark.parametrize(("said", "too_old"), RELEASES[:2])
def test_init_warns_of_one_that_would_call_aws(path: Path, said: str, too_old: bool) -> None:
    install(path, f"echo '{said}'")
    done = CliRunner().invoke(app, ["init", "--directory", str(path / "server")])
    assert done.exit_code == 0, done.output
    assert ("Warning" in done.stderr) is too_old
    assert ("ignore the endpoint in a profile" in done.stderr) is too_old


def test_init_needs_no_aws_cli(path: Path) -> None:
    done = CliRunner().invoke(app, ["init", "--directory", str(path / "server")])
    assert (done.exit_code, done.stderr) == (0, "")
