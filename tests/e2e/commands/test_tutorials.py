"""The tutorials' own commands, from a new server to a database's port: what the pages say is what runs here."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ports import free_port
from tests.postgresql import Postgresql
from tests.waiting import PATIENCE, wait_until

ROOT = Path(__file__).parents[3]
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(page: str) -> list[str]:
    """The page's commands, block by block."""
    return BLOCK.findall((ROOT / "docs/tutorial" / page).read_text())


class Newcomer:
    """Somebody at terminals of a machine with nothing on it but the virtual environment of step 1, this one."""

    def __init__(self, home: Path, postgresql: Postgresql) -> None:
        self._terminals: list[subprocess.Popen[bytes]] = []
        self._setup = ""
        ports = {}
        for number in ("7330", "5432", "15432", "1080", "8080"):
            ports[number] = str(free_port())
        database = str(postgresql.directory / "tutorial")  # where its account may write
        self.instead = ports | {"wiki.internal": f"127.0.0.1:{ports['7330']}", "~/ferryman-database": database}
        """What the pages name, and what it is here, where other tests have such ports."""
        self.home = home
        (home / "ferryman-env").symlink_to(sys.prefix)
        kept = {name: os.environ[name] for name in ("LANG", "TERM") if name in os.environ}
        self._environment = kept | {
            "HOME": str(home),
            "PATH": f"{postgresql.programs}:/usr/local/bin:/usr/bin:/bin",
            "FERRYMAN_AGENT_STATE": str(home / "agent"),
            "PYTHONUNBUFFERED": "1",
            "AWS_PAGER": "",
        }

    def always(self, block: str) -> None:
        """Type this first in every terminal from now on."""
        self._setup = block

    def _script(self, block: str) -> list[str]:
        for word, here in self.instead.items():
            block = re.sub(rf"(?<![\w.]){re.escape(word)}\b", here, block)
        return ["bash", "-ec", f"{self._setup}\n{block}"]

    def types(self, block: str) -> str:
        """Run a block to its end; what it printed."""
        done = subprocess.run(
            self._script(block),
            env=self._environment,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, (block, done.stdout, done.stderr)
        return done.stdout

    def starts(self, block: str, told: str, **options: Any) -> None:
        """Run a block in a terminal of its own until it says what `told` finds."""
        settings: dict[str, Any] = {"cwd": ROOT} | options
        log = self.home / f"terminal-{len(self._terminals)}"
        with log.open("wb") as output:
            started = subprocess.Popen(
                self._script(block),
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                **settings,
            )
        self._terminals.append(started)

        def said() -> bool:
            assert started.poll() is None, (block, log.read_text())
            return re.search(told, log.read_text()) is not None

        wait_until(said)

    def leaves(self) -> None:
        """Close the terminals."""
        for started in reversed(self._terminals):
            if started.poll() is None:
                os.killpg(started.pid, signal.SIGTERM)
        for started in self._terminals:
            started.wait(PATIENCE)


@pytest.fixture
def newcomer(tmp_path: Path, postgresql: Postgresql) -> Iterator[Newcomer]:
    somebody = Newcomer(tmp_path, postgresql)
    yield somebody
    somebody.leaves()


def test_from_nothing_to_a_database(newcomer: Newcomer, postgresql: Postgresql) -> None:
    install, serve, point, activate, look, _, history = commands("first-session.md")
    nodes, uname, search, database, forward, use, several, proxy = commands("reach-a-database.md")
    assert "pip install '.[server,agent]' awscli" in install  # what the environment of the tests holds already
    setup = point.replace("aws sts get-caller-identity\n", "")
    newcomer.always(setup)
    initialise, _ = serve.splitlines()
    newcomer.types(f"{initialise} --listen 127.0.0.1:7330")
    newcomer.starts(serve.splitlines()[1], "listening")
    assert "user/admin" in newcomer.types(point)

    printed = newcomer.types(activate)
    register, run, _ = re.findall(
        r"^  ((?:FERRYMAN_|ferryman agent )[^\\\n]*(?:\\\n[^\\\n]*)*)$", printed, re.MULTILINE
    )
    node = newcomer.types(register).split()[-1]
    newcomer.starts(run, "control channel open")
    assert node in newcomer.types(look)
    newcomer.instead |= {"web-1": node, "mi-0123456789abcdef0": node}

    assert "Online" in newcomer.types(nodes)
    assert newcomer.types(uname).startswith("Linux")
    assert newcomer.types(search)
    make, start = re.findall(r"^(?:initdb|postgres) .*$", database, re.MULTILINE)
    newcomer.always("")
    newcomer.starts(f"{make} >/dev/null; exec {start}", "ready to accept connections", **postgresql.dropped)
    newcomer.always(setup)
    newcomer.starts(forward, "forwarded to localhost")
    assert "PostgreSQL 18" in newcomer.types(use)
    newcomer.starts(proxy.splitlines()[0], "SOCKS5 proxy")
    newcomer.types(proxy.splitlines()[1])
    del newcomer.instead["wiki.internal"]
    newcomer.instead["15432"] = "0"  # the first forward has it
    newcomer.starts(several, "forwarded to wiki.internal:80")
    assert node in newcomer.types(history)
