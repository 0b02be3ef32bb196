"""The sandbox with its real processes: what it reads, what ends it, and that it goes on."""

import asyncio
import json
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from ferryman.core.document_tasks import (
    Broken,
    DecideAccess,
    Decided,
    Read,
    ReadDocument,
    Task,
    WriteDocument,
    Written,
)
from ferryman.model.errors import ServiceError
from ferryman.policy.cedar import MOST_IFS
from ferryman.sandbox.worker import Confinement, Sandbox

SESSION = 'schemaVersion: "1.0"\nsessionType: Standard_Stream\n'
PERMIT = "permit(principal, action, resource);"
COSTLY = "a: [" + "{}, " * 8_000 + "]"
"""Takes PyYAML half a second."""


Confined = Callable[[Confinement], Sandbox]


@pytest.fixture
async def confined() -> AsyncIterator[Confined]:
    made: list[Sandbox] = []

    def make(confinement: Confinement) -> Sandbox:
        made.append(Sandbox(confinement))
        return made[-1]

    yield make
    for each in made:
        await each.close()
    assert children() == []


@pytest.fixture
def sandbox(confined: Confined) -> Sandbox:
    return confined(Confinement(seconds=30))


def yaml(text: str) -> ReadDocument:
    return ReadDocument(text, "YAML", "Session", "doc")


def decision(*automatic: str) -> DecideAccess:
    return DecideAccess(automatic, (), "AIDA1", ("ops",), {}, {"mi-1": {}, "mi-2": {"team": "web"}})


def children() -> list[psutil.Process]:
    return [each for each in psutil.Process().children() if is_sandbox(each)]


def is_sandbox(process: psutil.Process) -> bool:
    try:
        return "document-sandbox" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # another test's, which has just ended
        return False


async def test_documents_are_read_written_and_asked(sandbox: Sandbox) -> None:
    value = {"schemaVersion": "1.0", "sessionType": "Standard_Stream"}
    read = await sandbox.perform(yaml(SESSION))
    assert read == Read(json.dumps(value), "YAML")
    assert await sandbox.perform(WriteDocument(json.dumps(value), "YAML")) == Written(SESSION.replace('"', "'"))
    broken = await sandbox.perform(yaml(SESSION.replace("1.0", "9.9")))
    assert isinstance(broken, Broken)
    assert (broken.path, broken.is_of_schema) == ("schemaVersion", True)
    assert await sandbox.perform(decision(PERMIT)) == Decided(True)
    assert await sandbox.perform(decision(PERMIT, "forbid(principal, action, resource);")) == Decided(False)
    assert await sandbox.perform(decision(PERMIT, "nonsense")) == Decided(False)


async def test_a_document_that_takes_too_long_is_refused_and_the_next_is_read(confined: Confined) -> None:
    """Of processor time, which a busy machine does not use up."""
    sandbox = confined(Confinement(seconds=0.05))
    refused = await sandbox.perform(yaml(COSTLY))
    assert isinstance(refused, Broken)
    assert "more than 0.05 seconds of processor time" in refused.rule
    assert isinstance(await sandbox.perform(yaml(SESSION)), Read)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL])
async def test_a_process_that_dies_is_replaced(sandbox: Sandbox, number: signal.Signals) -> None:
    assert isinstance(await sandbox.perform(yaml(SESSION)), Read)
    (first,) = children()
    os.kill(first.pid, number)
    first.wait()
    await asyncio.sleep(0)
    results = [await sandbox.perform(yaml(SESSION)) for _ in range(2)]
    assert isinstance(results[-1], Read)
    (second,) = children()
    assert second.pid != first.pid


async def test_memory_is_bounded(confined: Confined) -> None:
    sandbox = confined(Confinement(mebibytes=2000))
    assert isinstance(await sandbox.perform(yaml(SESSION)), Read)
    (child,) = children()
    assert child.rlimit(psutil.RLIMIT_AS) == (2000 << 20, 2000 << 20)
    taken = child.memory_info().vms >> 20
    await sandbox.close()
    large = ReadDocument('{"a": [' + "{}," * 3_000_000 + "{}]}", "JSON", "Session", "doc")
    tight = confined(Confinement(seconds=60, mebibytes=taken + 100))
    refused = await tight.perform(large)
    assert isinstance(refused, Broken)
    assert f"memory or the stack that it may ({taken + 100} MiB)" in refused.rule
    assert isinstance(await tight.perform(yaml(SESSION)), Read)


async def test_a_process_inherits_nothing(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FERRYMAN_SERVER_KEY", "secret")
    with (tmp_path / "open").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        assert isinstance(await sandbox.perform(yaml(SESSION)), Read)
        (child,) = children()
        assert child.environ().keys() <= {"LC_CTYPE"}  # which Python sets itself
        assert child.open_files() == []
        assert child.num_fds() == 3
        assert child.cwd() == "/"


async def test_decisions_do_not_wait_for_documents(sandbox: Sandbox) -> None:
    reading = [asyncio.create_task(sandbox.perform(yaml(COSTLY))) for _ in range(4)]
    assert await sandbox.perform(decision(PERMIT)) == Decided(True)
    assert not reading[-1].done()
    await asyncio.gather(*reading)


async def test_few_wait(confined: Confined) -> None:
    sandbox = confined(Confinement(most_waiting=2))
    tasks: list[Task] = [yaml(SESSION)] * 3
    results = await asyncio.gather(*(sandbox.perform(task) for task in tasks), return_exceptions=True)
    (throttled,) = [each for each in results if not isinstance(each, Read)]
    assert isinstance(throttled, ServiceError)
    assert throttled.code == "ThrottlingException"


async def test_fewer_wait_of_one_person(confined: Confined) -> None:
    sandbox = confined(Confinement(seconds=30, most_waiting_of_one=2))
    tasks = [sandbox.perform(yaml(SESSION), person_id) for person_id in ("eve", "eve", "eve", "bob", "bob")]
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(each, Read) for each in results] == [True, True, False, True, True]
    assert isinstance(results[2], ServiceError)
    assert results[2].message.startswith("2 of your documents are waiting")
    assert isinstance(await sandbox.perform(yaml(SESSION), "eve"), Read)


async def test_a_caller_that_goes_away_does_not_get_its_answer_to_the_next(sandbox: Sandbox) -> None:
    assert isinstance(await sandbox.perform(yaml(SESSION)), Read)
    gone = asyncio.create_task(sandbox.perform(yaml(COSTLY)))
    await asyncio.sleep(0.01)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert await sandbox.perform(decision(PERMIT)) == Decided(True)
    assert isinstance(await sandbox.perform(WriteDocument("{}", "YAML")), Written)


async def test_a_fault_of_ours_is_raised_here(sandbox: Sandbox) -> None:
    with pytest.raises(RuntimeError, match="ValueError: 'nonsense' is not a valid DocumentType"):
        await sandbox.perform(ReadDocument("", "YAML", "nonsense", "doc"))
    assert isinstance(await sandbox.perform(yaml(SESSION)), Read)


async def test_nothing_is_left_when_it_is_closed(sandbox: Sandbox) -> None:
    await sandbox.perform(yaml(SESSION))
    await sandbox.perform(decision(PERMIT))
    assert len(children()) == 2
    await sandbox.close()
    assert children() == []


async def test_a_sandbox_that_does_not_start_is_a_fault_of_ours(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError, match="did not start: it ended with 1"):
        await sandbox.perform(yaml(SESSION))
    monkeypatch.undo()
    assert isinstance(await sandbox.perform(yaml(SESSION)), Read)


@pytest.mark.parametrize("depth", [MOST_IFS, 1400])
async def test_nested_ifs_end_no_process_whatever_the_stack_is(confined: Confined, depth: int) -> None:
    """The stack of 2 MiB that a shell may give its children sufficed for 1,300 of them, or fewer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    resource.setrlimit(resource.RLIMIT_STACK, (2 << 20, hard))
    try:
        sandbox = confined(Confinement(seconds=30))
        text = "permit(principal, action, resource) when { " + "if true then true else " * depth + "true };"
        assert await sandbox.perform(decision(text)) == Decided(depth <= MOST_IFS)
    finally:
        resource.setrlimit(resource.RLIMIT_STACK, (soft, hard))
    (child,) = children()
    assert await sandbox.perform(decision(PERMIT)) == Decided(True)
    assert children() == [child]
