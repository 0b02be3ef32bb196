"""Recordings of sessions between every pair: a replay ends with the screen that the person saw."""

import contextlib
import json
import shutil
from pathlib import Path

import pytest

from tests.e2e.processes.programs import PROGRAMS
from tests.e2e.screen import Screen, looked, replay, until_shown
from tests.e2e.shell import Shell
from tests.interop.conftest import Pair, Session, cut, stopped
from tests.interop.lab import Lab
from tests.waiting import wait_until

DOCUMENT = "Recorded"
CONTENT = {"schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": {"recordingMode": "required"}}


def ferryman(lab: Lab, *arguments: str) -> str:
    """The standard output of a command of ours, as the administrator."""
    return lab.run(PROGRAMS / "ferryman", *arguments, env=lab.environment(PROGRAMS)).stdout.decode()


def replayed(lab: Lab, session_id: str) -> Screen:
    """The screen at the end of a recording."""
    lines = ferryman(lab, "recordings", "export", session_id).splitlines()
    return replay(json.loads(line) for line in lines[1:])


def clients_attached(lab: Lab) -> int:
    """How often a client has connected."""
    return (lab.directory / "server.log").read_text().count('"client attached"')


@pytest.mark.skipif(shutil.which("vim") is None, reason="vim is not installed")
def test_replay_ends_with_the_screen_that_the_person_saw(pair: Pair, tmp_path: Path) -> None:
    """Through an editor, another window size, cuts at both ends, and a server that is killed."""
    lab = pair.lab
    if DOCUMENT not in str(lab.call("list_documents", Filters=[{"Key": "Name", "Values": [DOCUMENT]}])):
        lab.call("create_document", Name=DOCUMENT, DocumentType="Session", Content=json.dumps(CONTENT))
    wait_until(lambda: lab.connected(pair.node_id))  # the server was killed for the pair before
    earlier = [] if pair.agent_is_aws else pair.with_channels()
    shell = Shell(pair, tmp_path / "complaints", *pair.command(DOCUMENT))
    session = Session(pair, shell.child, shell.session_id(), earlier)
    session.prompt()
    person = Screen()
    shell.child.send("TERM=linux vim -u NONE -N -n -c 'set laststatus=2'\r")
    until_shown(shell, person, "[No Name]")
    shell.child.send("iwritten before\x1b")
    until_shown(shell, person, "written before")
    shell.child.setwinsize(30, 100)
    person.emulator.resize(30, 100)
    shell.child.send(":set number\r")
    until_shown(shell, person, "1 written before")
    # AWS's plugin looks at the window's size twice a second, and forgets one that it cannot send.
    wait_until(lambda: "[No Name]" in looked(shell, person).splitlines()[28])
    before = clients_attached(lab)
    assert cut(session.plugin()) >= 1
    wait_until(lambda: clients_attached(lab) > before)  # AWS's plugin ends when somebody types before
    shell.child.send("oafter a cut\x1b")
    until_shown(shell, person, "2 after a cut")
    assert sum(cut(worker) for worker in session.workers()) >= 1
    shell.child.send("oafter another\x1b")
    until_shown(shell, person, "3 after another")
    wait_until(lambda: "3 after another" in replayed(lab, session.session_id).text)  # it is written
    with stopped(session.workers() * pair.agent_is_aws + [session.plugin()] * pair.plugin_is_aws):
        lab.kill_server()
        lab.serve_again()
    shell.child.send("oafter the restart\x1b:syntax on\r:set hlsearch\r/the\r")
    until_shown(shell, person, "4 after the restart")
    with contextlib.suppress(AssertionError):
        wait_until(lambda: replayed(lab, session.session_id).text == looked(shell, person))
    assert replayed(lab, session.session_id).text == looked(shell, person)
    seen = person.state
    lab.call("terminate_session", SessionId=session.session_id)
    session.ended()
    wait_until(lambda: '"Finished"' in ferryman(lab, "recordings", "show", session.session_id))
    assert "intact" in ferryman(lab, "recordings", "verify", session.session_id)
    assert replayed(lab, session.session_id).state == seen
