"""A node whose owner answers what they like: a real agent whose sessions find this program where `sh` should be.

What a copy asks for is answered by Python snippets, one for each of its scripts; without one, by the real shell.
"""

import contextlib
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.agents import agent_of_its_own
from tests.e2e.demo import Ferryman
from tests.e2e.processes.programs import FERRYMAN
from tests.e2e.processes.warm_programs import warm_programs
from tests.waiting import wait_until

_SCRIPTS = {
    "test -d": "is_folder",
    "sha256sum {} +": "listing",
    "cat {} +": "size",
    "is not a file": "look",
    "tail -c": "content",
}
CONTENT = b"owned\n"
_ASKED, _ANSWER = ": who answers?", "the node's owner"
"""What the real shell does nothing for, and what this program says to it."""
_SHELL = f"""\
#!{sys.executable}
import hashlib, itertools, os, pathlib, sys
script, arguments = sys.argv[2], sys.argv[4:]
out, err = sys.stdout.buffer, sys.stderr.buffer
if script == {_ASKED!r}:
    sys.exit(print({_ANSWER!r}))
for part, name in {_SCRIPTS!r}.items():
    answer = pathlib.Path(__file__).parent / name
    if part in script and answer.exists():
        exec(answer.read_text())
        out.flush()
        sys.exit()
os.execv("/bin/sh", ["sh", *sys.argv[1:]])
"""
_PATHS = """\
import ferryman.agent.process.accounts as accounts
accounts._ROOT_PATH = {programs!r} + ":" + accounts._ROOT_PATH
accounts._USER_PATH = {programs!r} + ":" + accounts._USER_PATH
"""


@dataclass(frozen=True)
class HostileNode:
    """The node's id, and where its answers are."""

    node_id: str
    programs: Path

    def answer(self, **snippets: str) -> None:
        """Answer each script by that Python, and the others honestly; `out`, `err` and `arguments` are at hand."""
        for name in _SCRIPTS.values():
            (self.programs / name).unlink(missing_ok=True)
        for name, snippet in snippets.items():
            (self.programs / name).write_text(textwrap.dedent(snippet))

    def list_files(self, *names: str, **snippets: str) -> None:
        """Be a folder with files of those names, as `sha256sum` writes them, all of them `CONTENT`."""
        digest = f"hashlib.sha256({CONTENT!r}).hexdigest()"
        answers = {
            "is_folder": "",
            "listing": f"for name in {names!r}: out.write(({digest} + '  ' + name + chr(10)).encode())",
            "size": f"out.write(b'%d' % ({len(CONTENT) * len(names)}))",
            "look": f"out.write(('%d 644 %s -' % (len({CONTENT!r}), {digest})).encode())",
            "content": f"out.write({CONTENT!r})",
        }
        self.answer(**answers | snippets)


@contextlib.contextmanager
def hostile_node(ferryman: Ferryman, directory: Path) -> Iterator[HostileNode]:
    """Run such a node until the end of the context; it is connected, and its sessions find the program."""
    programs, state = directory / "programs", directory / "state"
    for each in (programs, state):
        each.mkdir()
    (programs / "sh").write_text(_SHELL)
    (programs / "sh").chmod(0o755)
    (directory / "sitecustomize.py").write_text(_PATHS.format(programs=str(programs)))
    environment = {"PYTHONPATH": str(directory)}
    with agent_of_its_own(ferryman, state, ferryman.facts["endpoint_url"], environment) as node_id:
        wait_until(lambda: ferryman.is_connected(node_id))
        asked = (FERRYMAN, "run", node_id, "--", "sh", "-c", _ASKED)
        said = warm_programs.run(*asked, environment=ferryman.environment)
        # With the real shell, a copy of "/" would be one of this machine.
        assert said.stdout == f"{_ANSWER}\n", said
        yield HostileNode(node_id, programs)
