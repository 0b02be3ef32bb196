"""The driver of programs, on real ptys and pipes, with real shells."""

import asyncio
import os
import resource
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from ferryman.agent.process.accounts import Account, environment, own_account
from ferryman.agent.process.launcher import Program, login_shell, on_pipes, on_terminal
from ferryman.agent.process.process import Process
from ferryman.agent.process.reaping import session_members, wait_readable
from ferryman.agent.process.resource_limits import ResourceLimits
from tests.waiting import PATIENCE


class Screen:
    """What a session's driver would do: bounded room, output kept, consumed tags kept."""

    def __init__(self) -> None:
        self.output = bytearray()
        self.consumed: list[int] = []
        self.room = 1 << 20
        self._changed = asyncio.Event()

    def capacity(self) -> int:
        return self.room

    def on_output(self, output: int, data: bytes) -> None:
        self.output += data
        self.room -= len(data)
        self._changed.set()

    def on_consumed(self, tag: int) -> None:
        self.consumed.append(tag)
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def shows(self, text: str) -> None:
        await self.until(lambda: text.encode() in self.output)


def plain_shell(command: str, account: Account | None = None) -> Program:
    account = account or own_account()
    return Program("/bin/sh", ("sh", "-c", command), environment(account, {}), account)


Run = Callable[[Program], Process]


@pytest_asyncio.fixture(loop_scope="function")
async def screen() -> Screen:
    return Screen()


@pytest_asyncio.fixture(loop_scope="function")
async def run(screen: Screen) -> AsyncIterator[Run]:
    shells: list[Process] = []

    def run_program(program: Program) -> Process:
        shells.append(Process(on_terminal(program), screen.capacity, screen.on_output, screen.on_consumed))
        return shells[-1]

    yield run_program
    for shell in shells:
        await shell.end()


async def test_gives_all_output_and_the_exit_code(run: Run, screen: Screen) -> None:
    shell = run(plain_shell("seq 1 20000; exit 7"))
    shell.start()
    assert await shell.drained() == 7
    assert screen.output.decode() == "".join(f"{number}\r\n" for number in range(1, 20001))


async def test_the_first_size_is_there_before_the_program(run: Run, screen: Screen) -> None:
    shell = run(plain_shell("stty size"))
    shell.resize(133, 41)
    shell.start()
    await shell.drained()
    assert screen.output == b"41 133\r\n"


async def test_without_a_size_it_is_80_by_24(run: Run, screen: Screen) -> None:
    shell = run(plain_shell("stty size"))
    shell.start()
    await shell.drained()
    assert screen.output == b"24 80\r\n"


async def test_a_resize_reaches_the_foreground_program(run: Run, screen: Screen) -> None:
    shell = run(plain_shell("trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.01; done"))
    shell.start()
    await screen.shows("ready")
    shell.resize(100, 30)
    await shell.drained()
    assert b"30 100" in screen.output


async def test_input_is_consumed_in_order_and_echoed(run: Run, screen: Screen) -> None:
    shell = run(plain_shell("read line; echo got $line"))
    shell.start()
    shell.write(0, "grüße ".encode())
    shell.write(1, b"there\n")
    await shell.drained()
    assert screen.consumed == [0, 1]
    assert "got grüße there" in screen.output.decode()


@pytest.mark.parametrize(("key", "number"), [(b"\x03", signal.SIGINT), (b"\x1c", signal.SIGQUIT)])
async def test_control_keys_become_signals(run: Run, screen: Screen, key: bytes, number: signal.Signals) -> None:
    shell = run(plain_shell("ulimit -c 0; echo ready; exec cat"))
    shell.start()
    await screen.shows("ready")
    shell.write(0, key)
    assert await shell.drained() == -number


async def test_job_control_works_in_a_login_shell(run: Run, screen: Screen, tmp_path: Path) -> None:
    account = Account("tester", os.getuid(), os.getgid(), str(tmp_path), "/bin/bash")
    shell = run(login_shell(account, environment(account, {"PS1": "hidden"}), ResourceLimits()))
    shell.start()
    shell.write(0, b"PS1='> '; cat\n")
    await screen.shows("> cat" if b"> cat" in screen.output else "cat")
    shell.write(1, b"echo-me\n")
    await screen.until(lambda: screen.output.count(b"echo-me") >= 2)
    shell.write(2, b"\x1a")
    await screen.shows("Stopped")
    shell.write(3, b"jobs\nkill %1\nexit\nexit\n")
    await shell.drained()
    assert b"no job control" not in screen.output


async def test_reading_stops_without_room_and_resumes_with_room(run: Run, screen: Screen) -> None:
    screen.room = 1000
    shell = run(plain_shell("seq 1 50000"))
    shell.start()
    await screen.until(lambda: screen.room <= 0)
    assert len(screen.output) == 1000
    total = len("".join(f"{number}\r\n" for number in range(1, 50001)))
    while len(screen.output) < total:
        taken = len(screen.output)
        screen.room = 50_000
        shell.resume()
        await screen.until(lambda taken=taken: len(screen.output) > taken)  # type: ignore[misc]
    screen.room = 1
    shell.resume()
    assert await shell.drained() == 0
    assert screen.output.endswith(b"49999\r\n50000\r\n")


async def test_output_written_just_before_the_end_waits_for_room(run: Run, screen: Screen) -> None:
    screen.room = 0
    shell = run(plain_shell("printf farewell"))
    ended = os.pidfd_open(shell._child.pid)
    shell.start()
    assert await wait_readable(ended, 20)
    os.close(ended)
    assert not screen.output
    screen.room = 100
    shell.resume()
    await shell.drained()
    assert screen.output == b"farewell"


async def test_a_background_process_does_not_delay_the_end_and_does_not_outlive_it(run: Run, screen: Screen) -> None:
    shell = run(plain_shell("(trap : HUP; echo child; while :; do sleep 1000; done) & sleep 0.2; exit 0"))
    shell.start()
    assert await shell.drained() == 0
    leader = shell._child.pid
    assert session_members(leader)
    await shell.end()
    assert not session_members(leader)


async def test_a_program_that_cannot_be_executed_is_explained(run: Run) -> None:
    account = own_account()
    shell = run(Program("/nonexistent/shell", ("x",), environment(account, {}), account))
    shell.start()
    assert await shell.drained() == 127
    assert "/nonexistent/shell" in shell.fault()
    assert "No such file" in shell.fault()


async def test_a_program_never_started_leaves_nothing(run: Run, screen: Screen) -> None:
    shell = run(plain_shell("echo ran"))
    leader = shell._child.pid
    await shell.end()
    assert not session_members(leader)
    assert not Path(f"/proc/{leader}").exists()
    assert not screen.output


async def test_a_program_ended_as_soon_as_it_was_started_leaves_nothing(run: Run) -> None:
    for _ in range(20):
        shell = run(plain_shell("sleep 1000"))
        shell.start()
        await shell.end()
        assert not Path(f"/proc/{shell._child.pid}").exists()


async def test_the_environment_is_a_logins_and_descriptors_are_its_own(
    run: Run, screen: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    leaked = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(leaked, True)
    account = Account("tester", os.getuid(), os.getgid(), str(tmp_path), "/bin/sh")
    inherited = {**os.environ, "TZ": "Europe/Berlin"}
    program = Program("/bin/sh", ("sh", "-c", "pwd; env; ls /proc/self/fd"), environment(account, inherited), account)
    shell = run(program)
    shell.start()
    await shell.drained()
    os.close(leaked)
    lines = screen.output.decode().split("\r\n")
    assert lines[0] == str(tmp_path)
    assert {"TERM=xterm-256color", "USER=tester", f"HOME={tmp_path}", "TZ=Europe/Berlin"} <= set(lines)
    assert not any(line.startswith("AWS_") for line in lines)
    assert lines[-2].split() == ["0", "1", "2", "3"]  # 3 is ls's own


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a session as another account")
async def test_root_runs_as_another_account_with_its_groups(run: Run, screen: Screen) -> None:
    nobody = Account("nobody", 65534, 65534, "/", "/bin/sh")
    shell = run(plain_shell("id -u; id -g; id -G; test -w $(tty) && echo own; cat /proc/self/status", nobody))
    shell.start()
    await shell.drained()
    lines = screen.output.decode().split("\r\n")
    assert lines[:4] == ["65534", "65534", "65534", "own"]
    assert "NoNewPrivs:\t0" in lines


async def test_signals_ignored_by_the_agent_are_not_ignored_in_the_shell(run: Run, screen: Screen) -> None:
    shell = run(plain_shell("grep -E 'Sig(Ign|Blk)' /proc/self/status"))
    shell.start()
    await shell.drained()
    names, masks = screen.output.split()[::2], [int(mask, 16) for mask in screen.output.split()[1::2]]
    libc_reserves = 1 << 31 | 1 << 32  # signals 32 and 33: whoever ignored them, no program can undo it through libc
    assert names == [b"SigBlk:", b"SigIgn:"]
    assert [mask & ~libc_reserves for mask in masks] == [0, 0]


async def test_a_flood_of_input_into_a_program_that_does_not_read_is_held(run: Run, screen: Screen) -> None:
    shell = run(plain_shell("stty raw -echo; echo ready; sleep 0.3; head -c 1000000 | wc -c"))
    shell.start()
    await screen.shows("ready")
    for tag in range(1000):
        shell.write(tag, b"x" * 1000)
    assert len(screen.consumed) < 1000
    await shell.drained()
    assert screen.consumed == list(range(1000))
    assert b"1000000" in screen.output


async def test_pipes_keep_output_and_errors_apart(screen: Screen) -> None:
    apart: dict[int, bytes] = {0: b"", 1: b""}
    program = plain_shell("echo out; echo err >&2; cat; exit 4")

    def keep(output: int, data: bytes) -> None:
        apart[output] += data

    process = Process(on_pipes(program, separate=True), screen.capacity, keep, screen.on_consumed)
    process.write(0, b"in")
    process.end_input()
    process.start()
    assert await process.drained() == 4
    assert apart == {0: b"out\nin", 1: b"err\n"}
    assert screen.consumed == [0]
    await process.end()
    await process.end()


async def test_a_child_that_does_not_end_is_not_waited_for(run: Run) -> None:
    shell = run(plain_shell("exec sleep 1000"))
    shell.start()
    assert shell._child.poll() is None
    os.kill(shell._child.pid, signal.SIGKILL)
    assert await shell.drained() == -signal.SIGKILL
    assert shell._child.poll() == -signal.SIGKILL


async def test_the_path_of_the_environment_is_the_one_searched(screen: Screen, tmp_path: Path) -> None:
    (tmp_path / "only-here").write_text("#!/bin/sh\necho found $1\n")
    (tmp_path / "only-here").chmod(0o755)
    account = own_account()
    for path, code in ((str(tmp_path), 0), ("/usr/bin:/bin", 127)):
        program = Program("only-here", ("only-here", "me"), {"PATH": path}, account)
        process = Process(on_pipes(program, separate=False), screen.capacity, screen.on_output, screen.on_consumed)
        process.start()
        assert await process.drained() == code
        await process.end()
    assert screen.output == b"found me\n"


async def test_limits_above_the_agents_own_are_cut(run: Run, screen: Screen) -> None:
    account = own_account()
    limits = ResourceLimits(open_files=1 << 40, core_bytes=0)
    shell = run(Program("/bin/sh", ("sh", "-c", "ulimit -n; ulimit -c"), environment(account, {}), account, limits))
    shell.start()
    assert await shell.drained() == 0
    own = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert screen.output.split() == [str(own).encode(), b"0"]


TRIALS = 20
"""One in six ran the next command when processes were signalled one after another."""
STARTS = {
    "a command on pipes": lambda program: on_pipes(program, separate=False),
    "a command on a terminal": on_terminal,
}


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("ignores", ["", "trap '' HUP; "], ids=["hangs up", "is killed"])
async def test_the_next_command_does_not_run_when_a_session_is_ended(
    screen: Screen, tmp_path: Path, start: str, ignores: str
) -> None:
    account = own_account()
    children: list[Process] = []
    leaders: list[int] = []
    for number in range(TRIALS):
        command = f"{ignores}sleep 100; touch {tmp_path / str(number)}; exit"
        child = STARTS[start](Program("/bin/bash", ("bash", "-c", command), environment(account, {}), account))
        children.append(Process(child, screen.capacity, screen.on_output, screen.on_consumed))
        children[-1].start()
        leaders.append(child.pid)
    async with asyncio.timeout(PATIENCE):
        for leader in leaders:
            while len(session_members(leader)) < 2:
                await asyncio.sleep(0.01)
    await asyncio.gather(*(each.end() for each in children))
    assert not list(tmp_path.iterdir())


async def test_what_was_typed_ahead_into_a_shell_does_not_end_it(run: Run, screen: Screen, tmp_path: Path) -> None:
    account = own_account()
    for number in range(TRIALS // 4):
        shell = run(Program("/bin/bash", ("bash", "--norc"), environment(account, {}), account))
        shell.start()
        shell.write(1, f"echo go-$((40+{number})); sleep 100; touch {tmp_path / str(number)}\n".encode())
        await screen.shows(f"go-{40 + number}\r\n")
        await shell.end()
    assert not list(tmp_path.iterdir())


async def test_processes_that_ignore_sighup_survive_a_shell_that_exits_by_itself(run: Run, screen: Screen) -> None:
    """As with sshd; what does not ignore it ends with the shell."""
    shell = run(
        plain_shell("nohup sleep 87654 >/dev/null 2>&1 & sleep 87655 & echo pids $!, $(pgrep -f 'sleep 87654')")
    )
    shell.start()
    assert await shell.drained() == 0
    await shell.end()
    left = subprocess.run(["pgrep", "-f", "^sleep 8765[45]$"], stdout=subprocess.PIPE, text=True, check=False)
    pids = left.stdout.split()
    try:
        assert [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids] == [b"sleep\x0087654\x00"]
    finally:
        for pid in pids:
            os.kill(int(pid), signal.SIGKILL)


async def test_it_does_not_survive_a_shell_that_is_ended(run: Run, screen: Screen) -> None:
    shell = run(plain_shell("nohup sleep 87656 >/dev/null 2>&1 & echo started; sleep 100"))
    shell.start()
    await screen.shows("started")
    await shell.end()
    assert subprocess.run(["pgrep", "-f", "^sleep 87656$"], check=False, stdout=subprocess.DEVNULL).returncode == 1
