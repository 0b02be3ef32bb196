"""Recordings of real shells: their server is killed again and again, and a terminal shows what the person saw."""

import json
import os
import random
import re
import shutil
import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.e2e.agents import agent_of_its_own
from tests.e2e.cutting_relay import relays
from tests.e2e.demo import Ferryman
from tests.e2e.processes.programs import AWS, FERRYMAN
from tests.e2e.processes.warm_programs import warm_programs
from tests.e2e.screen import Screen, looked, replay, until_shown
from tests.e2e.shell import OpenShell, Shell
from tests.waiting import AT_ONCE, PROCESSES_TIMEOUT, program_start, wait_until

KILLS = int(os.environ.get("FERRYMAN_TEST_KILLS", "1"))
LINES = "i=0; while [ ! -e {stop} ]; do i=$((i+1)); echo line-$i; sleep 0.02; done; echo end-$((40+2))"
LOST_SECONDS = 1.0
"""A server that is killed loses at most the output of so long."""
pytestmark = pytest.mark.timeout(PROCESSES_TIMEOUT + 20 * KILLS)


def oldest_enough(server: psutil.Process) -> bool:
    """Whether a server has lived so long that the demo starts it again without delay."""
    return time.time() - server.create_time() > 2.5


def kill_server(ferryman: Ferryman, watcher: "Watcher | None" = None) -> None:
    """Kill the server, under the eyes of a watcher until there is another one, and wait until that answers."""
    server = wait_until(lambda: ferryman.server_process())
    wait_until(lambda: oldest_enough(server))
    os.kill(server.pid, signal.SIGKILL)
    if watcher is not None:
        watcher.kills.append(time.time())

    def has_another() -> bool:
        now = ferryman.server_process()
        if watcher is not None:
            watcher.look_at_death()
        return now is not None and now.pid != server.pid

    wait_until(has_another)
    wait_until(ferryman.answers)


def lines(output: bytes) -> list[int]:
    """The numbers of the lines that were shown whole."""
    return [int(number) for number in re.findall(rb"(?m)^line-(\d+)\r$", output)]


class Watcher:
    """Reads what a client shows; `shown_at` has when each line was seen, `kills` when the server was killed."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.shown_at: dict[int, float] = {}
        self.kills: list[float] = []
        self._looked_at = 0

    def look(self, at: float | None = None) -> int:
        """Read what has come, as of now or of `at`; return how many lines there are."""
        self.shell.next("(?s).+")
        for number in lines(self.shell.seen[self._looked_at :]):
            self.shown_at.setdefault(number, at or time.time())
        self._looked_at = self.shell.seen.rfind(b"\n") + 1
        return len(self.shown_at)

    def watch_until(self, moment: float) -> None:
        while time.time() < moment:
            self.look()

    def look_at_death(self) -> None:
        """What the client has not shown yet when its server dies came before that."""
        self.look(self.kills[-1])

    def age(self, number: int) -> float:
        """How long before the server died a line was shown."""
        return min(kill - self.shown_at[number] for kill in self.kills if kill >= self.shown_at[number])


def exported(ferryman: Ferryman, session_id: str) -> list[list[object]]:
    """The events of a recording as asciicast."""
    done = warm_programs.run_in_pipes(FERRYMAN, "recordings", "export", session_id, environment=ferryman.environment)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.decode().splitlines()[1:]]


def test_server_that_is_killed_again_and_again_loses_a_second_each_time(
    own_ferryman: Ferryman, open_shell: OpenShell, tmp_path: Path
) -> None:
    ferryman = own_ferryman
    chance = random.Random()  # noqa: S311 the moments of the kills
    shell = open_shell(ferryman)
    session_id = shell.session_id()
    shell.prompt()
    stop = tmp_path / "stop"
    shell.child.send(LINES.format(stop=stop) + "\n")
    watcher = Watcher(shell)
    for _ in range(KILLS):
        before = watcher.look()
        wait_until(lambda before=before: watcher.look() > before)  # type: ignore[misc]
        watcher.watch_until(time.time() + 2.5 + chance.uniform(0, 2))  # any moment of the recorder's second
        kill_server(ferryman, watcher)
    stop.touch()
    shell.expect("end-42\r\n")
    shell.child.send("exit\n")
    assert shell.end() == 0
    wait_until(lambda: ferryman.session_row(session_id)["Status"] == "Terminated")
    recorded = ferryman.recording(session_id)  # which verifies it
    seen, kept = lines(shell.seen), lines(recorded)
    assert seen == list(range(1, len(seen) + 1))
    assert kept == sorted(set(kept)), "the recording has output twice, or out of order"
    missing = sorted(set(seen) - set(kept))
    ages = [watcher.age(number) for number in missing]
    # On a busy machine, the recorder's second is not over in time.
    assert max(ages, default=0) < LOST_SECONDS + AT_ONCE * program_start(), "more than the last second is missing"
    events = exported(ferryman, session_id)
    texts = [str(event[2]) for event in events if event[1] == "m"]
    told = sum(int(found[1]) for text in texts if (found := re.match(r"(\d+) bytes of output are missing", text)))
    assert (told > 0) == (len(missing) > 0)
    print(
        f"{KILLS} kills: {len(missing)} of {len(seen)} lines missing, seen {max(ages, default=0):.2f} s before a kill"
    )


def replayed(ferryman: Ferryman, session_id: str) -> Screen:
    """The screen at the end of a recording."""
    return replay(exported(ferryman, session_id))


def is_highlighted(screen: Screen, line: str, word: str) -> bool:
    """Whether a word of a line is shown as found, which an editor does some time after it shows the line."""
    for row, shown in enumerate(screen.emulator.display):
        if (at := shown.find(line)) >= 0:
            at += line.index(word)
            cells = [screen.emulator.buffer[row][column] for column in range(at, at + len(word))]
            return all(cell.reverse or cell.bg != "default" for cell in cells)
    return False


@pytest.mark.skipif(shutil.which("vim") is None, reason="vim is not installed")
def test_replay_ends_with_the_screen_that_the_person_saw(
    own_ferryman: Ferryman, open_shell: OpenShell, tmp_path: Path
) -> None:
    """Through an editor, another window size, a cut connection and a server that is killed."""
    ferryman = own_ferryman
    port = int(ferryman.facts["endpoint_url"].rpartition(":")[2])
    with relays(port) as (link,), agent_of_its_own(ferryman, tmp_path / "agent", link.url) as node_id:
        wait_until(lambda: ferryman.is_connected(node_id))
        shell = open_shell(ferryman, AWS, "ssm", "start-session", "--target", node_id)
        session_id = shell.session_id()
        shell.prompt()
        person = Screen()
        shell.child.send(f"TERM=linux vim -u NONE -N {tmp_path}/letter\n")
        until_shown(shell, person, "[New]")
        shell.child.send("iwritten before\x1b")
        until_shown(shell, person, "written before")
        shell.child.setwinsize(30, 100)
        person.emulator.resize(30, 100)
        shell.child.send(":set number\n")
        until_shown(shell, person, "1 written before")
        assert link.cut(reset=True)
        shell.child.send("oafter the cut\x1b")
        until_shown(shell, person, "2 after the cut")
        wait_until(lambda: "2 after the cut" in replayed(ferryman, session_id).text)  # it is written
        kill_server(ferryman)
        shell.child.send("oafter the restart\x1b:syntax on\n:set hlsearch\n/the\n")
        wait_until(lambda: looked(shell, person) and is_highlighted(person, "2 after the cut", "the"))
        wait_until(lambda: looked(shell, person) and replayed(ferryman, session_id).state == person.state)
        seen = person.state
        ferryman.client("ssm").terminate_session(SessionId=session_id)
        wait_until(lambda: ferryman.session_row(session_id)["Status"] == "Terminated")
        ferryman.recording(session_id)
        assert replayed(ferryman, session_id).state == seen
