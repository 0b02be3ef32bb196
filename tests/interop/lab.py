"""A network and a machine's folders of their own, in Linux namespaces: a server, AWS's agent and Ferryman's in them.

AWS's agent writes to fixed places, makes a user, and asks a cloud's metadata address who it is. In here it may: nothing
of it reaches this machine's folders or its network. Root's shells start without what this machine's root has in its
`.bashrc`. Needs root.
"""

import concurrent.futures
import contextlib
import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import psutil

from tests.boto_clients import boto_client
from tests.e2e.processes.programs import PROGRAMS
from tests.waiting import PATIENCE, wait_until

REGION = "eu-lab-1"
PORT = 7330
URL = f"https://127.0.0.1:{PORT}"
AGENT_VARIABLE = "FERRYMAN_TEST_SSM_AGENT"
PLUGIN_VARIABLE = "FERRYMAN_TEST_SESSION_MANAGER_PLUGIN"
_PACKAGED = Path("/usr/bin")
"""Where AWS's packages put the agent; its configuration is in /etc/amazon/ssm then."""
_CLONE_NEWNET = 0x40000000
_GRACE = 5.0
"""Seconds that programs have to end by themselves."""
_NAMESPACE = """\
set -e
ip link set lo up
mkdir -p "$0"
mount -t tmpfs tmpfs "$0"
for place in /etc /home /root /var "$@"; do
  [ -d "$place" ] || continue
  layer="$0/$(echo "$place" | tr / _)"
  mkdir -p "$layer/upper" "$layer/work"
  mount -t overlay overlay -o "lowerdir=$place,upperdir=$layer/upper,workdir=$layer/work" "$place"
done
mount -t tmpfs tmpfs /run
mountpoint -q /root && rm -f /root/.bashrc /root/.bash_profile /root/.bash_login /root/.bash_logout /root/.profile
mkdir -p /run/sshd /var/lib/amazon /var/log/amazon /etc/sudoers.d
echo ready
exec sleep infinity
"""

T = TypeVar("T")


def heed_interrupts() -> None:
    """Undo what a suite in the background has inherited; agents would pass it on to their shells."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def ssm_agent() -> Path | None:
    """Where AWS's agent is, None if it is not installed."""
    return _find(AGENT_VARIABLE, "amazon-ssm-agent")


def aws_plugin() -> Path | None:
    """Where AWS's session-manager-plugin is, None if it is not installed."""
    found = _find(PLUGIN_VARIABLE, "session-manager-plugin")
    return None if found is None or found.parent.resolve() == PROGRAMS.resolve() else found


def _find(variable: str, name: str) -> Path | None:
    named = os.environ.get(variable) or shutil.which(name)
    return Path(named).resolve() if named else None


class Lab:
    """The namespaces, and the programs in them; `close` ends all of those."""

    def __init__(self, directory: Path, agent: Path | None) -> None:
        self.directory = directory
        self.agent = agent
        self._processes: list[subprocess.Popen[Any]] = []
        folders = [] if agent is None or agent.parent == _PACKAGED else [str(agent.parent)]
        self._holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "sh", "-c", _NAMESPACE, str(directory / "layers"), *folders],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "ready\n", "the namespaces could not be made"
        # AWS's agent looks for its workers among all processes, so it sees none but its own.
        self._machine = self.start(
            "machine.log", "unshare", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc", "sleep", "infinity"
        )
        self._first = wait_until(lambda: psutil.Process(self._machine.pid).children())[0].pid
        self._inside = concurrent.futures.ThreadPoolExecutor(1, initializer=self._enter)

    def _enter(self) -> None:
        """Move the calling thread into the lab's network."""
        libc = ctypes.CDLL(None, use_errno=True)
        with Path(f"/proc/{self._holder.pid}/ns/net").open("rb") as namespace:
            if libc.setns(namespace.fileno(), _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")

    def do(self, work: Callable[[], T]) -> T:
        """Run `work` in a thread whose sockets are in the lab's network."""
        return self._inside.submit(work).result(PATIENCE)

    def path(self, place: str) -> Path:
        """Where a file of the lab is for this process."""
        return Path(f"/proc/{self._holder.pid}/root{place}")

    def command(self, *arguments: str | Path) -> list[str]:
        """The command that runs another in the lab."""
        return ["nsenter", "--target", str(self._holder.pid), "--net", "--mount", "--", *map(str, arguments)]

    def _on_machine(self, *arguments: str | Path) -> list[str | Path]:
        """The same for what AWS's agent does: among its own processes."""
        return ["nsenter", "--target", str(self._first), "--pid", "--mount", "--", *arguments]

    def run(self, *arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[bytes]:
        """Run a command in the lab to its end."""
        settings: dict[str, Any] = {"capture_output": True, "timeout": PATIENCE, "check": True}
        if "input" not in options and "stdin" not in options:
            settings["stdin"] = subprocess.DEVNULL
        return subprocess.run(self.command(*arguments), **(settings | options))

    def start(self, log: str, *arguments: str | Path, **options: Any) -> subprocess.Popen[bytes]:
        """Start a command in the lab that lasts; its outputs go to the file `log`."""
        with (self.directory / log).open("ab") as file:
            process = subprocess.Popen(
                self.command(*arguments),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                preexec_fn=heed_interrupts,
                **options,
            )
        self._processes.append(process)
        return process

    # Ferryman's server

    def serve(self, settings: str = "") -> None:
        """Set up a server with TLS, and run it; `settings` are further lines of its configuration."""
        where = self.directory / "server"
        self.run(
            PROGRAMS / "ferryman", "init", "--tls", "--directory", where,
            "--listen", f"127.0.0.1:{PORT}", "--region", REGION,
        )  # fmt: skip
        configuration = where / "ferryman.toml"
        configuration.write_text(configuration.read_text() + settings)
        self.trust(self.authority.read_bytes())
        self.serve_again()
        self.ssm = self.client("ssm")

    def serve_again(self) -> None:
        """Run the server that was set up, and wait until it answers."""
        log = self.directory / "server.log"
        earlier = log.read_text().count('"listening"') if log.exists() else 0
        self.server = self.start(
            "server.log", PROGRAMS / "ferryman", "server", "--config", self.directory / "server" / "ferryman.toml"
        )

        def listens() -> bool:
            assert self.server.poll() is None, f"the server ended with {self.server.returncode}: {last_lines(log)}"
            return log.read_text().count('"listening"') > earlier

        wait_until(listens)

    def kill_server(self) -> None:
        """End the server without a word."""
        self.server.kill()
        self.server.wait(PATIENCE)

    @property
    def authority(self) -> Path:
        """The certificate of the server's own CA."""
        return self.directory / "server" / "tls" / "ca.pem"

    @property
    def trusted(self) -> Path:
        """The certificates that clients and AWS's agent trust: not the server's own file, which holds one."""
        return self.directory / "trusted.pem"

    def trust(self, certificate: bytes) -> None:
        """Have clients and AWS's agent trust this, too, from their next start on."""
        with self.trusted.open("ab") as file:
            file.write(certificate)

    def environment(self, plugin: Path) -> dict[str, str]:
        """What a person's AWS CLI has; `plugin` is the session-manager-plugin that it finds."""
        profile = self.directory / "server" / "aws"
        where = self.directory / ("plugin-" + re.sub(r"\W", "_", str(plugin)))
        where.mkdir(exist_ok=True)
        link = where / "session-manager-plugin"
        if not link.is_symlink():
            link.symlink_to(plugin)
        return {
            "PATH": f"{where}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.directory),
            "TERM": "xterm",
            "LANG": "C.UTF-8",
            "AWS_CONFIG_FILE": str(profile / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(profile / "credentials"),
            "AWS_CA_BUNDLE": str(self.trusted),
            "AWS_PAGER": "",
            "SSL_CERT_FILE": str(self.trusted),
        }

    def client(self, service: str) -> Any:
        """A boto3 client of the lab's server; its calls work in `do` only."""
        profile = self.directory / "server" / "aws"
        found = re.findall(r"^aws_\w+ = (.+)$", (profile / "credentials").read_text(), re.MULTILINE)
        return boto_client(service, URL, REGION, found[:2], verify=str(self.authority))

    def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """An operation of ssm as the administrator."""
        return dict(self.do(lambda: getattr(self.ssm, operation)(**parameters)))

    def session(self, session_id: str) -> dict[str, Any]:
        """A session's row of DescribeSessions, wherever it is."""
        chosen = [{"key": "SessionId", "value": session_id}]
        for state in ("Active", "History"):
            for row in self.call("describe_sessions", State=state, Filters=chosen)["Sessions"]:
                return dict(row)
        raise LookupError(session_id)

    def end_sessions(self) -> None:
        """End what a test that failed has left: AWS's agent would complain of it during the next one."""

        def ended() -> bool:
            rows = self.call("describe_sessions", State="Active")["Sessions"]
            for row in rows:
                self.call("terminate_session", SessionId=row["SessionId"])
            return not rows

        wait_until(ended)

    def log_ends(self) -> list[tuple[str, str]]:
        """The name of each log of the lab's programs, and its last lines."""
        return [(log.name, last_lines(log)) for log in sorted(self.directory.glob("*.log"))]

    # Agents

    def activation(self) -> dict[str, Any]:
        """An activation for one node."""
        return self.call("create_activation", IamRole="node")

    def connected(self, node_id: str) -> bool:
        """Whether the node's control channel is up."""
        return bool(self.call("get_connection_status", Target=node_id)["Status"] == "connected")

    def run_ferryman_agent(self) -> str:
        """Register and start Ferryman's agent; its node id, once it is connected."""
        made, state = self.activation(), self.directory / "agent"
        done = self.run(
            PROGRAMS / "ferryman", "agent", "register", "--endpoint-url", URL, "--region", REGION,
            "--activation-id", made["ActivationId"], "--activation-code", "-",
            "--ca-file", self.authority, "--state-dir", state,
            input=made["ActivationCode"].encode(),
        )  # fmt: skip
        node_id = done.stdout.decode().strip()
        self.ferryman_agent = self.start("agent.log", PROGRAMS / "ferryman", "agent", "run", "--state-dir", state)
        wait_until(lambda: self.connected(node_id))
        return node_id

    def run_ssm_agent(self) -> str:
        """Configure, register and start AWS's agent; its node id, once it is connected."""
        assert self.agent is not None
        packaged = self.agent.parent == _PACKAGED
        where = self.path("/etc/amazon/ssm" if packaged else str(self.agent.parent / "configuration"))
        where.mkdir(parents=True, exist_ok=True)
        (where / "seelog.xml").unlink(missing_ok=True)
        (where / "amazon-ssm-agent.json").write_text(
            json.dumps(
                {
                    "Agent": {"Region": "", "ServiceDomain": "", "TelemetryMetricsToSSM": False},
                    "Identity": {"ConsumptionOrder": ["OnPrem"]},
                    "Ssm": {"Endpoint": URL},
                    "Mds": {"Endpoint": URL},
                    "Mgs": {"Endpoint": URL},
                    "Kms": {"Endpoint": URL},
                    "S3": {"Endpoint": URL},
                    "Profile": {"ShareCreds": False},
                }
            )
        )
        made = self.activation()
        register = [
            self.agent, "-register", "-y", "-code", made["ActivationCode"], "-id", made["ActivationId"],
            "-region", REGION,
        ]  # fmt: skip
        self.run(*self._on_machine(*register), env=self.agent_environment)
        registration = json.loads(self.path("/var/lib/amazon/ssm/registration").read_text())
        self.start_ssm_agent()
        node_id = str(registration["ManagedInstanceID"])
        wait_until(lambda: self.connected(node_id))
        return node_id

    def start_ssm_agent(self) -> None:
        """Start AWS's agent, which is registered."""
        assert self.agent is not None
        command = self._on_machine(self.agent)
        self._aws_agent = self.start("amazon-ssm-agent.log", *command, env=self.agent_environment)

    def aws_agent(self, name: str = "amazon-ssm-agent") -> list[psutil.Process]:
        """The processes of AWS's agent that are called `name`, as this process sees them."""
        roots = (psutil.Process(self._machine.pid), psutil.Process(self._aws_agent.pid))
        every = [process for root in roots for process in root.children(recursive=True)]
        return [each for each in every if _program(each) == name]

    @property
    def agent_environment(self) -> dict[str, str]:
        """AWS's agent's, which its shells inherit."""
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "SSL_CERT_FILE": str(self.trusted)}

    def agent_errors(self) -> str:
        """What AWS's agent complained of at its default log level."""
        log = self.path("/var/log/amazon/ssm/errors.log")
        return log.read_text() if log.exists() else ""

    def close(self) -> None:
        """End everything that runs in the lab."""
        self._inside.shutdown()
        for process in reversed(self._processes):
            process.terminate()
        _, alive = psutil.wait_procs(_in_network_of(self._holder.pid), timeout=_GRACE)
        for left in alive:  # workers and shells that outlived their agent
            with contextlib.suppress(psutil.NoSuchProcess):  # until now
                left.kill()
        for process in self._processes:
            process.kill()
            process.wait(PATIENCE)
        self._holder.kill()
        self._holder.wait(PATIENCE)
        assert self._holder.stdout is not None
        self._holder.stdout.close()


def last_lines(log: Path, count: int = 60) -> str:
    """The end of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:])


def _program(process: psutil.Process) -> str:
    """The name of the program that a process runs; nothing for one that has ended."""
    with contextlib.suppress(psutil.Error):
        if process.status() != psutil.STATUS_ZOMBIE:
            return Path("".join(process.cmdline()[:1])).name
    return ""


def _in_network_of(holder: int) -> list[psutil.Process]:
    """The processes of the lab's network but its holder."""
    network = Path(f"/proc/{holder}/ns/net").readlink()
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(OSError, psutil.Error):
            if process.pid != holder and Path(f"/proc/{process.pid}/ns/net").readlink() == network:
                found.append(process)
    return found
