"""What tests do about a program that is not installed, and that CI installs every one they ask for."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_a_missing_program(
    ci: str, outcome: type[BaseException], program: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="no-such-program is not installed"):
        program("no-such-program")


def test_a_program_that_is_here(program: Callable[[str], str]) -> None:
    assert Path(program("sh")).is_file()


def test_ci_installs_the_programs_that_tests_ask_for() -> None:
    table = re.search(r'^programs="\n(.*?)^"$', (ROOT / ".ci/programs").read_text(), re.MULTILINE | re.DOTALL)
    assert table
    installed = {line.split()[0] for line in table[1].splitlines()}
    sources = "".join(path.read_text() for path in (ROOT / "tests/e2e").rglob("*.py"))
    asked = set(re.findall(r'\bprogram\("([\w-]+)"\)', sources))
    assert asked
    assert asked <= installed
