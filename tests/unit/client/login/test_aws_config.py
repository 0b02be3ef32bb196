"""Setting some of a profile in AWS's configuration file, and nothing else."""

import configparser
from pathlib import Path

import pytest

from ferryman.client.login.aws_config import BACKUP, check_name, read_config, read_profile, stage_config, with_settings
from ferryman.model.failures import Failure
from ferryman.system.staged_files import StagedFiles

TEXT = """\
# mine
[default]
region = eu-central-1 # not a comment to AWS

[profile prod]
# the server
region=us-east-1
s3 =
    max_concurrent_requests = 20
output = json

[profile "quoted"]
region = us-west-2
"""


def test_a_setting_is_set_where_it_is_and_the_rest_stays() -> None:
    changed = with_settings(TEXT, "prod", {"region": "eu-west-1", "endpoint_url": "https://h"})
    expected = TEXT.replace("region=us-east-1", "region = eu-west-1")
    expected = expected.replace("output = json\n", "output = json\nendpoint_url = https://h\n")
    assert changed == expected
    assert with_settings(changed, "prod", {"region": "eu-west-1", "endpoint_url": "https://h"}) == changed


@pytest.mark.parametrize(
    ("text", "profile", "expected"),
    [
        ("", "default", "[default]\na = 1\n"),
        ("", "new", "[profile new]\na = 1\n"),
        ("[default]\nb = 2", "new", "[default]\nb = 2\n\n[profile new]\na = 1\n"),
        ("[default]", "default", "[default]\na = 1\n"),
        ("[ profile new ]\n\n\n[x]\n", "new", "[ profile new ]\na = 1\n\n\n[x]\n"),
        ("[profile new]\na=0\nb = 2\n", "new", "[profile new]\na = 1\nb = 2\n"),
        ("[profile new]\n# a = 0\nx =\n  a = 0\n", "new", "[profile new]\n# a = 0\nx =\n  a = 0\na = 1\n"),
        ("[new]\na = 0\n", "new", "[new]\na = 0\n\n[profile new]\na = 1\n"),
        ("[sso-session new]\na = 0\n", "new", "[sso-session new]\na = 0\n\n[profile new]\na = 1\n"),
        ("[profile newer]\na = 0\n", "new", "[profile newer]\na = 0\n\n[profile new]\na = 1\n"),
    ],
)
def test_where_a_setting_goes(text: str, profile: str, expected: str) -> None:
    changed = with_settings(text, profile, {"a": "1"})
    assert changed == expected
    assert read_profile(changed, profile)["a"] == "1"
    configparser.RawConfigParser(strict=False).read_string(changed)


def test_a_profile_is_read_as_it_is_written() -> None:
    assert read_profile(TEXT, "prod") == {"region": "us-east-1", "s3": "", "output": "json"}
    assert read_profile(TEXT, "quoted") == {"region": "us-west-2"}
    assert read_profile(TEXT, "none") == {}


def write_config(path: Path, text: str) -> None:
    with StagedFiles() as staged:
        stage_config(staged, path, text)
        staged.commit()


def test_the_file_is_written_whole_and_kept(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "config"
    write_config(real, "old")
    real.chmod(0o644)
    link.symlink_to(real)
    write_config(link, "new")
    assert (link.is_symlink(), read_config(link), real.stat().st_mode & 0o777) == (True, "new", 0o600)
    kept = real.with_name("real" + BACKUP)
    assert (kept.read_text(), kept.stat().st_mode & 0o777) == ("old", 0o600)
    write_config(link, "new")
    assert kept.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config", "real", "real" + BACKUP]
    assert read_config(tmp_path / "none") == ""


@pytest.mark.parametrize("name", ["", "a b", "a]", "a\n[b]", "a/b", "x" * 65, "a'b"])
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(Failure):
        check_name(name)


def test_a_value_cannot_bring_settings_of_its_own() -> None:
    with pytest.raises(Failure, match="several lines"):
        with_settings(TEXT, "prod", {"a": "1\ncredential_process = evil"})
