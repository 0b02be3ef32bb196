"""The lower bounds of what we depend on: no version with a known vulnerability, and none that the locks do not have."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
REQUIREMENTS = [
    Requirement(text)
    for text in sorted({*PROJECT["dependencies"], *EXTRAS["client"], *EXTRAS["server"], *EXTRAS["agent"]})
]
FIRST_GOOD = {
    "aiohttp": "3.14.3",  # CVE-2026-69244; before it CVE-2026-59881 and CVE-2026-69243 (3.14.2)
    "cryptography": "50.0.0",  # CVE-2026-69247; before it GHSA-537c-gmf6-5ccf (48.0.1), CVE-2026-39892 (46.0.7)
    "joserfc": "1.7.2",  # GHSA-5jhw-7jv7-qcqq; before it CVE-2026-49852 (1.6.8), CVE-2026-48990 (1.6.7), CVE-2026-27932
    "pyyaml": "5.4",  # CVE-2020-14343
    "sqlalchemy": "1.3.0",  # CVE-2019-7164
}
"""The first version without the vulnerabilities known in November 2026. A new advisory raises a line here first."""


def lowest(requirement: Requirement) -> Version:
    bounds = [Version(each.version) for each in requirement.specifier if each.operator in (">=", "==", "~=")]
    assert bounds, f"{requirement} has no lower bound"
    return max(bounds)


def locked(name: str) -> dict[str, Version]:
    found = re.compile(rf"^{re.escape(name)}==(\S+)", re.MULTILINE | re.IGNORECASE)
    texts = {path: path.read_text() for path in (ROOT / "requirements").glob("*.lock")}
    return {path.name: Version(match[1]) for path, text in texts.items() if (match := found.search(text))}


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=str)
def test_the_locks_satisfy_every_bound(requirement: Requirement) -> None:
    versions = locked(requirement.name)
    assert {"dev.lock", "demo.lock"} <= versions.keys()
    assert [lock for lock, version in versions.items() if version not in requirement.specifier] == []


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=str)
def test_no_bound_admits_a_version_with_a_known_vulnerability(requirement: Requirement) -> None:
    assert lowest(requirement) >= Version(FIRST_GOOD.get(requirement.name, "0"))


def test_every_known_vulnerability_is_of_something_that_is_needed() -> None:
    assert FIRST_GOOD.keys() <= {requirement.name for requirement in REQUIREMENTS}


def test_the_locks_of_agent_and_client_hold_what_their_extras_need() -> None:
    for extra in ("agent", "client"):
        needed = [Requirement(text).name for text in (*PROJECT["dependencies"], *EXTRAS[extra])]
        assert [name for name in needed if f"{extra}.lock" not in locked(name)] == []


def test_an_agent_needs_nothing_of_the_client() -> None:
    for name in ("botocore", "typer", "rich", "pydantic", "uvloop"):
        assert "agent.lock" not in locked(name)


def test_the_server_contains_the_client() -> None:
    assert {Requirement(text).name for text in EXTRAS["client"]} <= {
        Requirement(text).name for text in EXTRAS["server"]
    }


def test_no_lock_differs_from_that_of_the_tests() -> None:
    pins = {
        path.name: set(re.findall(r"^([\w.-]+)==(\S+)", path.read_text(), re.MULTILINE))
        for path in (ROOT / "requirements").glob("*.lock")
    }
    tested = {name for name, _ in pins["dev.lock"]}
    for lock, found in pins.items():
        assert {pin for pin in found if pin[0] in tested} <= pins["dev.lock"], lock
