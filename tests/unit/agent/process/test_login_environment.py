"""What a session's program finds: TERM, /etc/environment, the session's id, the kernel's login uid."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from ferryman.agent.process import login_environment as module
from ferryman.agent.process.accounts import Account
from ferryman.agent.process.login_environment import FILE_BYTES, environment_file, login_environment
from ferryman.agent.session.terminal_types import is_known_terminal
from ferryman.channel.negotiation import AWS, OURS, agree, offer
from tests.unit.agent.agent_processes import StartAgent, soon
from tests.unit.agent.peers import Client, Service, shell_task

ACCOUNT = Account("alice", 1000, 1000, "/home/alice", "/bin/sh")


@pytest.mark.parametrize(
    ("content", "variables"),
    [
        ("A=1\n\n  B=two words  \n", {"A": "1", "B": "two words"}),
        (
            'A="quoted"\nB=\'quoted\'\nC="half\nD=in"side"x\n',
            {"A": "quoted", "B": "quoted", "C": "half", "D": 'in"side"x'},
        ),
        ("# A=1\nB=2 # comment\nC=a#b\n", {"B": "2", "C": "a"}),
        ("export A=1\n", {"A": "1"}),
        ("A=\nB\nC==\n", {"A": "", "B": None, "C": "="}),
        ("=1\nA-B=1\nA B=1\n$(reboot)=1\nA=$HOME\n", {"A": "$HOME"}),
        ("A=a\0b\nB=1", {"B": "1"}),
        ("A=1\nA=2\n", {"A": "2"}),
        ("", {}),
    ],
)
def test_a_file_is_read_as_pam_env_reads_it(tmp_path: Path, content: str, variables: Mapping[str, str | None]) -> None:
    (tmp_path / "environment").write_text(content)
    assert environment_file(tmp_path / "environment") == variables


def test_a_file_that_cannot_be_read_sets_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert (
        environment_file(tmp_path / "fifo") == environment_file(tmp_path) == environment_file(tmp_path / "none") == {}
    )


def test_at_most_the_limit_of_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "environment").write_text("A=1\n#" + "x" * FILE_BYTES + "\nB=2\n")
    assert environment_file(tmp_path / "environment") == {"A": "1"}


def test_bytes_that_are_not_text_arrive_unchanged(tmp_path: Path) -> None:
    (tmp_path / "environment").write_bytes(b"A=\xff\n")
    assert os.fsencode(str(environment_file(tmp_path / "environment")["A"])) == b"\xff"


def test_the_file_decides_before_the_agent_but_not_who_the_account_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "environment").write_text(
        "HOME=/x\nUSER=x\nLANG=de_DE.UTF-8\nPATH=/opt/bin\nTZ\nFERRYMAN_SESSION_ID=x\n"
    )
    monkeypatch.setattr(module, "_FILE", tmp_path / "environment")
    found = login_environment(ACCOUNT, {"LANG": "C", "TZ": "UTC", "AWS_SECRET_ACCESS_KEY": "x"}, "alice-1")
    assert found == {
        "FERRYMAN_SESSION_ID": "alice-1",
        "HOME": "/home/alice",
        "LANG": "de_DE.UTF-8",
        "LOGNAME": "alice",
        "PATH": "/opt/bin",
        "SHELL": "/bin/sh",
        "TERM": "xterm-256color",
        "USER": "alice",
    }


@pytest.mark.parametrize("term", ["xterm", "screen.xterm-256color", "rxvt-unicode-256color", "a+b_c", "x" * 64])
def test_a_clients_terminal_reaches_the_agent(term: str) -> None:
    assert offer(term).terminal_type == agree(offer(term)).terminal_type == term


@pytest.mark.parametrize("term", ["", "x" * 65, "a/b", "../x", "a b", "a\n", "é", "a\0"])
def test_anything_else_is_not_a_terminal_on_either_end(term: str) -> None:
    assert offer(term) == OURS
    assert agree(offer("xterm")).terminal_type == "xterm"
    hostile = type(OURS)(max_payload=1, terminal_type=term)
    assert agree(hostile).terminal_type == AWS.terminal_type == ""


def test_a_terminal_is_known_by_the_nodes_or_the_accounts_terminfo(tmp_path: Path) -> None:
    database = tmp_path / "terminfo"
    assert is_known_terminal("kitty", str(tmp_path), (str(database),))  # without any, one is as good as another
    (database / "x").mkdir(parents=True)
    (database / "x" / "xterm").touch()
    assert is_known_terminal("xterm", str(tmp_path), (str(database),))
    assert not is_known_terminal("kitty", str(tmp_path), (str(database),))
    assert not is_known_terminal("..", str(tmp_path), (str(database),))
    (tmp_path / ".terminfo" / "6b").mkdir(parents=True)
    (tmp_path / ".terminfo" / "6b" / "kitty").touch()
    assert is_known_terminal("kitty", str(tmp_path), (str(database),))


async def session_says(service: Service, client: Client, start_agent: StartAgent, typed: str) -> str:
    await start_agent()
    control = await soon(service.controls.get())
    await control.send(shell_task("alice@example-1"))
    await client.join(await soon(service.channels.get()))
    client.type(f"unset HISTFILE; stty -echo; {typed}; exit\n")
    await soon(service.completed.get())
    await client.leave()
    return client.output.decode()


@pytest.mark.parametrize(
    ("term", "found"), [("vt100", "vt100"), ("", "xterm-256color"), ("no-such-terminal", "xterm-256color")]
)
async def test_a_shell_has_the_clients_terminal_and_the_sessions_id(
    service: Service, start_agent: StartAgent, term: str, found: str
) -> None:
    if not is_known_terminal("vt100", "/") or is_known_terminal("no-such-terminal", "/"):
        pytest.skip("this machine's terminfo does not have vt100")
    said = await session_says(
        service, Client(terminal_type=term), start_agent, 'echo "<$TERM>" "<$FERRYMAN_SESSION_ID>"'
    )
    assert f"<{found}> <alice@example-1>\r\n" in said


async def test_a_session_is_a_login_of_its_own(service: Service, start_agent: StartAgent) -> None:
    try:
        unset = Path("/proc/self/loginuid").read_text() == "4294967295"
    except OSError:
        pytest.skip("this kernel does no auditing")
    if os.geteuid() or not unset:
        pytest.skip("needs root, and a process that nobody has logged in to")
    said = await session_says(
        service, Client(), start_agent, 'echo "<$(cat /proc/self/loginuid)> <$(cat /proc/self/sessionid)>"'
    )
    assert "<0> <" in said
    assert "<4294967295>" not in said
