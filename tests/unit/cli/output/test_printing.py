"""What commands print is made printable in one place, and no command prints past it."""

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import ferryman
from ferryman.cli.main import main
from ferryman.cli.output.printing import Greetings, print_document, print_error, print_lines, print_traceback
from ferryman.model.errors import ServiceError
from ferryman.model.failures import Failure

SOURCE = Path(ferryman.__file__).parent
HOSTILE = "db-1\x1b]0;owned\x07\r\nferryman: all is well\x9b2J\x7f\u202e\u2028"
PRINTING = {
    "cli/output/printing.py": "the one place",
    "cli/output/redrawn.py": "draws printable lines over each other",
    "cli/manage/session_watch.py": "what a watched session shows, filtered for a terminal there",
    "cli/client/run_many.py": "the output of commands on nodes, made safe for a terminal there",
}


def is_safe(text: str) -> bool:
    return text.replace("\n", "").isprintable()


def calls(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


@pytest.mark.parametrize(("is_terminal", "printed"), [(True, "Hello.\nOther.\n"), (False, "")])
def test_greetings_are_printed_once_each_and_only_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, is_terminal: bool, printed: str
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
    greetings = Greetings()
    for line in ("Hello.", "Other.", "Hello."):
        greetings(line)
    assert capsys.readouterr() == ("", printed)


def test_lines_stay_lines(capsys: pytest.CaptureFixture[str]) -> None:
    print_lines("one", HOSTILE, "")
    print_error(HOSTILE)
    out, err = capsys.readouterr()
    assert out.startswith("one\ndb-1\\x1b]0;owned\\x07\\r\\nferryman")
    assert (out.count("\n"), err.count("\n")) == (3, 1)
    assert is_safe(out)
    assert is_safe(err)


def test_json_keeps_its_values(capsys: pytest.CaptureFixture[str]) -> None:
    print_document({HOSTILE: [HOSTILE, "Größe"]})
    print_document({HOSTILE: HOSTILE}, indent=2)
    out = capsys.readouterr().out
    assert is_safe(out)
    assert "Größe" in out
    line, _, rest = out.partition("\n")
    assert json.loads(line) == {HOSTILE: [HOSTILE, "Größe"]}
    assert json.loads(rest) == {HOSTILE: HOSTILE}


def test_a_traceback_is_printable(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise ValueError(HOSTILE) from OSError(HOSTILE)
    except ValueError as error:
        print_traceback(error)
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "ValueError: db-1\\x1b" in err
    assert is_safe(err)


@pytest.mark.parametrize("debug", ["", "1"])
@pytest.mark.parametrize(
    "error", [Failure(HOSTILE, HOSTILE, HOSTILE), ServiceError("Code", HOSTILE), OSError(HOSTILE), KeyError(HOSTILE)]
)
def test_every_error_of_a_command_is_printable(
    error: Exception, debug: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: list[str], prog_name: str) -> None:
        raise error

    monkeypatch.setattr("ferryman.cli.app.app", fail)
    monkeypatch.setattr("sys.argv", ["ferryman", "nodes"])
    monkeypatch.setenv("FERRYMAN_DEBUG", debug)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "db-1" in err
    assert is_safe(err)


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_nothing_else_prints(path: Path) -> None:
    past = {"print", "typer.echo", "typer.secho", "click.echo", "sys.stdout.write", "sys.stderr.write"}
    if str(path.relative_to(SOURCE)) not in PRINTING:
        assert not past & set(calls(path)), f"{path}: use ferryman.cli.output.printing"


def test_programs_that_print_are_still_those_listed() -> None:
    for name in PRINTING:
        assert any(call.endswith(".write") for call in calls(SOURCE / name)), name


def test_the_encoding_of_the_streams_does_not_matter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (tmp_path / "out").open("w", encoding="utf-8", errors="strict") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        print_lines("\udc80 and \ud800")
    assert (tmp_path / "out").read_text() == "\\udc80 and \\ud800\n"
