"""The program that started the plugin ends, and nobody is left to end the session."""

import os
import shlex
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.waiting import PATIENCE

Launch = Callable[..., psutil.Process]


@pytest.fixture
def launch(plugin_command: list[str], environment: dict[str, str], tmp_path: Path) -> Iterator[Launch]:
    """Have a program of its own start the plugin, and return the plugin."""
    started: list[psutil.Process] = []
    inputs: list[int] = []

    def launch(arguments: list[str], before: str = "") -> psutil.Process:
        number = tmp_path / "number"
        script = f"{before}{shlex.join([*plugin_command, *arguments])} <&3 & echo $! >{number}.new; "
        script += f"mv {number}.new {number}; wait"
        read_end, write_end = os.pipe()
        inputs.append(write_end)
        with (tmp_path / "stdout").open("wb") as stdout, (tmp_path / "stderr").open("wb") as stderr:
            parent = subprocess.Popen(
                ["/bin/bash", "-c", script],
                env=environment,
                stdin=read_end,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
                preexec_fn=lambda: os.dup2(0, 3),
                close_fds=False,
            )
        os.close(read_end)
        launched.append(parent)
        while not number.exists():
            assert parent.poll() is None
            os.sched_yield()
        started.append(psutil.Process(int(number.read_text())))
        return started[-1]

    launched: list[subprocess.Popen[bytes]] = []
    yield launch
    for descriptor in inputs:
        os.close(descriptor)
    for process in started:
        if process.is_running():
            process.kill()
    for parent in launched:
        if parent.poll() is None:
            parent.kill()
        parent.wait()


def kill_parent(plugin: psutil.Process) -> None:
    parent = plugin.parent()
    assert parent is not None
    parent.kill()


def test_a_forward_ends_with_its_parent(forwarding: Any, launch: Launch, tmp_path: Path) -> None:
    far_end, _ = forwarding()
    plugin = launch(far_end.arguments())
    far_end.delivered()
    kill_parent(plugin)
    plugin.wait(PATIENCE)
    assert far_end.flags == [2]
    assert far_end.calls == []
    assert (tmp_path / "stderr").read_text().startswith("The program that started this session has ended")


def test_a_shell_ends_with_its_parent(far_end: Any, launch: Launch) -> None:
    plugin = launch(far_end.arguments())
    far_end.until(lambda: far_end.sizes)
    kill_parent(plugin)
    plugin.wait(PATIENCE)


def test_a_parent_that_is_gone_before_the_session_begins_ends_the_client(far_end: Any, launch: Launch) -> None:
    far_end.answering = False
    plugin = launch(far_end.arguments())
    far_end.until(lambda: far_end.openings)
    kill_parent(plugin)
    plugin.wait(PATIENCE)


def test_under_nohup_a_forward_outlives_its_parent(forwarding: Any, launch: Launch) -> None:
    far_end, _ = forwarding()
    plugin = launch(far_end.arguments(), before="trap '' HUP; ")
    far_end.delivered()
    kill_parent(plugin)
    with pytest.raises(psutil.TimeoutExpired):
        plugin.wait(2)
    plugin.send_signal(signal.SIGINT)
    plugin.wait(PATIENCE)


def test_a_session_on_the_standard_streams_ends_with_its_input_alone(make_far_end: Any, launch: Launch) -> None:
    far_end = make_far_end("Port", {"portNumber": "22", "type": ""})
    plugin = launch(far_end.arguments())
    far_end.delivered()
    kill_parent(plugin)
    with pytest.raises(psutil.TimeoutExpired):
        plugin.wait(2)


NO_PIDFD = """
import os
def refuse(pid, flags=0): raise OSError(38, "Function not implemented")
os.pidfd_open = refuse
"""


def test_without_a_pidfd_the_parent_is_asked_for(forwarding: Any, launch: Launch, plugin_command: list[str]) -> None:
    plugin_command[-1] = NO_PIDFD + plugin_command[-1]
    far_end, _ = forwarding()
    plugin = launch(far_end.arguments())
    far_end.delivered()
    kill_parent(plugin)
    plugin.wait(PATIENCE)
