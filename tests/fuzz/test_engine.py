"""The fuzzer finds each kind of fault in parsers made to have it, and nothing in one that has none."""

import json
import os
import time
from collections.abc import Callable
from signal import SIGKILL

import pytest

from ferryman.model.errors import ServiceError
from tests.fuzz import __main__ as runner
from tests.fuzz import engine
from tests.fuzz.target import MIB, SECONDS, Target

SEED = b'{"name":"x","list":[1,2]}'


class Refused(Exception):
    """The documented error."""


def target(run: Callable[[bytes], object], errors: tuple[type[Exception], ...] = (Refused,)) -> Target:
    return Target("sample", run, (SEED,), errors)


def strict(data: bytes) -> None:
    try:
        json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Refused from error


def test_a_parser_that_keeps_the_rules_is_left_alone() -> None:
    outcome = engine.run(target(strict), inputs=500)
    assert outcome.inputs == 500
    assert outcome.findings == []


def test_an_undocumented_error_is_found_and_shrunk() -> None:
    def run(data: bytes) -> None:
        strict(data)
        len(json.loads(data)["name"])

    outcome = engine.run(target(run), inputs=500)
    assert any("TypeError" in finding.what for finding in outcome.findings)
    assert all(len(finding.data) < len(SEED) for finding in outcome.findings)
    assert all(engine.verdict(target(run), finding.data) for finding in outcome.findings)


def test_a_slow_call_is_found() -> None:
    def run(data: bytes) -> None:
        ends = time.thread_time() + 2 * SECONDS * engine.slowness()
        while data != SEED and time.thread_time() < ends:
            pass

    assert engine.verdict(target(run), SEED) is None
    assert str(engine.verdict(target(run), b"x")).startswith("took ")


def in_a_new_process(verdict: Callable[[], str | None]) -> str:
    """What `verdict` returns in a process that never had more memory than now, whatever earlier tests needed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, str(verdict()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as result:
        told = result.read()
    os.waitpid(child, 0)
    return told


def test_memory_is_found() -> None:
    def run(data: bytes) -> None:
        bytearray(b"x" * (30 * MIB if data == SEED else 100 * MIB))

    assert in_a_new_process(lambda: engine.verdict(target(run), SEED)) == "None"
    assert in_a_new_process(lambda: engine.verdict(target(run), b"x")) == "needed 200 MiB, 64 MiB are allowed"


def test_a_refusal_that_cannot_be_sent_is_found() -> None:
    def run(data: bytes) -> None:
        raise ServiceError("X", "x" if data == SEED else data)  # type: ignore[arg-type]

    outcome = engine.run(target(run, (ServiceError,)), inputs=20)
    assert outcome.findings


def test_the_same_seed_tries_the_same_inputs() -> None:
    tried: list[list[bytes]] = [[], []]
    for inputs in tried:
        engine.run(target(inputs.append), inputs=200, seed=7)
    assert tried[0] == tried[1]


@pytest.mark.parametrize("run", [lambda _: os.kill(os.getpid(), SIGKILL), lambda _: os._exit(3)])
def test_an_input_that_ends_the_process_is_found(run: Callable[[bytes], object]) -> None:
    ((_, outcome),) = runner.fuzz([target(run)], 1.0, 0)
    assert [finding.data for finding in outcome.findings] == [SEED]
    assert outcome.findings[0].what in ("ended the process: SIGKILL", "ended the process: 3")


def test_a_finding_is_reported_with_the_command_that_repeats_it(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(str(tmp_path))

    def run(data: bytes) -> None:
        raise LookupError

    broken = target(run)
    for each, outcome in runner.fuzz([broken], 0.2, 0):
        assert not runner.report(each, outcome)
    shown = capsys.readouterr().out
    path = shown.rpartition("--input ")[2].split()[0]
    monkeypatch.setattr(runner, "TARGETS", (broken,))
    assert runner.main(["--input", path, "sample"]) == 1
    assert "LookupError" in capsys.readouterr().out
