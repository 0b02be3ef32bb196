"""A server and a node in one, scripted: what the plugin talks to, over real sockets, in a thread of its own."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ferryman.model.values.versions import AGENT_VERSION
from tests.unit.client.far_end import FarEnd
from tests.unit.client.forked_plugin import ForkedPlugin
from tests.unit.client.person import Person
from tests.unit.client.streams import Streams

ENTRY = "from ferryman.cli.session_manager_plugin import main; raise SystemExit(main())"
COMMAND = (sys.executable, "-c", ENTRY)
Running = subprocess.Popen[bytes] | ForkedPlugin


@pytest.fixture
def make_far_end() -> Iterator[Callable[..., FarEnd]]:
    """Make far ends of a session type, for this test."""
    made: list[FarEnd] = []

    def make(
        session_type: str = "Standard_Stream",
        properties: Mapping[str, str] | None = None,
        agent_version: str = AGENT_VERSION,
    ) -> FarEnd:
        made.append(FarEnd(session_type, properties, agent_version))
        return made[-1]

    yield make
    for each in made:
        each.stop()


@pytest.fixture
def far_end(make_far_end: Callable[..., FarEnd]) -> FarEnd:
    """The far end of a shell session."""
    return make_far_end()


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A person's environment: credentials for the two calls, nothing of this machine's user."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "TERM": "xterm",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@pytest.fixture
def plugin_command() -> list[str]:
    """How to start the plugin; unless a test changes it, the plugin is forked from a warm program."""
    return list(COMMAND)


@pytest.fixture
def start(plugin_command: list[str], environment: dict[str, str]) -> Iterator[Callable[..., Running]]:
    """Start the plugin on pipes, by `preexec_fn` or a changed command as a Python of its own.

    What is still running at the test's end is killed.
    """
    started: list[Running] = []

    def start(arguments: list[str], **options: Any) -> Running:
        settings: dict[str, Any] = {"env": environment | options.pop("extra", {})}
        if "preexec_fn" in options or tuple(plugin_command) != COMMAND:
            pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
            process: subprocess.Popen[bytes] = subprocess.Popen(
                [*plugin_command, *arguments], **(pipes | settings | options)
            )
            started.append(process)
        else:
            started.append(ForkedPlugin(arguments, **(settings | options)))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None and not stream.closed:
                stream.close()
        process.wait()


@pytest.fixture
def forwarding(make_far_end: Callable[..., FarEnd]) -> Callable[..., tuple[FarEnd, Streams]]:
    """Make far ends of multiplexed port sessions."""

    def forwarding(version: int = 2, **properties: str) -> tuple[FarEnd, Streams]:
        given = {"type": "LocalPortForwarding", "portNumber": "80", "localPortNumber": "0"}
        far_end = make_far_end("Port", given | properties)
        return far_end, Streams(far_end, version)

    return forwarding


@pytest.fixture
def sit_down(plugin_command: list[str], environment: dict[str, str]) -> Iterator[Callable[..., Person]]:
    """Start the plugin on a terminal of its own."""
    people: list[Person] = []

    def sit_down(far_end: Any, **changes: str) -> Person:
        command = [] if tuple(plugin_command) == COMMAND else plugin_command
        people.append(Person(command, far_end.arguments(), environment | changes))
        return people[-1]

    yield sit_down
    for person in people:
        person.close()


@pytest.fixture
def person(far_end: Any, sit_down: Callable[..., Person]) -> Person:
    """Somebody in a running session."""
    somebody = sit_down(far_end)
    far_end.until(lambda: far_end.sizes)
    assert not somebody.is_restored()
    return somebody
