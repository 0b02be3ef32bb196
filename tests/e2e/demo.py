"""A whole Ferryman as a newcomer starts it: `ferryman demo --hold --json`, real processes."""

import contextlib
import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.boto_clients import boto_client
from tests.e2e.processes.forked_processes import ForkedDemo
from tests.e2e.processes.programs import AWS, FERRYMAN, PLUGIN, PROGRAMS
from tests.e2e.processes.warm_programs import warm_programs
from tests.waiting import PATIENCE, wait_until

UNREACHED = (502, 503, 504)
"""What a load balancer answers, or a server, while there is none that could."""
LOG_LINES = 60
"""How many lines of each log are shown with a test that fails."""


def arguments(process: psutil.Process) -> list[str]:
    """Its command line; nothing if it has ended."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@dataclass
class Ferryman:
    """A running demo: what it printed, and its process."""

    facts: dict[str, Any]
    process: Any
    """A `ForkedDemo` or a `Popen`, or what runs a server instead of a demo."""

    @property
    def node_id(self) -> str:
        return str(self.facts["node_id"])

    @property
    def environment(self) -> dict[str, str]:
        """What the AWS CLI needs to find this server and our plugin, and nothing of the user's."""
        profile = Path(self.facts["profile_dir"])
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "TERM", "XDG_CONFIG_HOME") if name in os.environ}
        return kept | {
            "PATH": f"{PROGRAMS}:/usr/local/bin:/usr/bin:/bin",
            "AWS_CONFIG_FILE": str(profile / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(profile / "credentials"),
            "AWS_ENDPOINT_URL": self.facts["endpoint_url"],
            "AWS_REGION": self.facts["region"],
            "AWS_ACCESS_KEY_ID": self.facts["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": self.facts["secret_access_key"],
            "AWS_PAGER": "",
        }

    def aws(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the stock `aws` command."""
        done = warm_programs.run(AWS, *arguments, environment=self.environment)
        if check:
            done.check_returncode()
        return done

    def plugin_command(self, ticket: Mapping[str, Any]) -> list[str]:
        """The command that the AWS CLI launches for StartSession's answer; the CLI's own start takes longer."""
        session = {name: ticket[name] for name in ("SessionId", "TokenValue", "StreamUrl")}
        target = {"Target": self.node_id}
        endpoint, region = str(self.facts["endpoint_url"]), str(self.facts["region"])
        return [PLUGIN, json.dumps(session), region, "StartSession", "", json.dumps(target), endpoint]

    def recording(self, session_id: str) -> bytes:
        """What the finished recording of a session shows, which must be intact."""
        wait_until(lambda: self._recordings("show", session_id).find(b'"Finished"') > 0)
        self._recordings("verify", session_id)
        return self._recordings("export", "--format", "raw", session_id)

    def asciicast(self, session_id: str) -> list[tuple[float, str, str]]:
        """The events of the finished recording of a session: seconds since its beginning, kind, text."""
        self.recording(session_id)
        _, *events = self._recordings("export", "--format", "asciicast-v2", session_id).splitlines()
        return [tuple(json.loads(each)) for each in events]

    def _recordings(self, *arguments: str) -> bytes:
        done = warm_programs.run_in_pipes(FERRYMAN, "recordings", *arguments, environment=self.environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextlib.contextmanager
    def running(self, command: Sequence[str], told: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
        """Run a client until it says what `told` matches: its process and the match's group; at the end, Ctrl-C."""
        process = subprocess.Popen(
            command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            assert process.stdout is not None
            text = ""
            while not (found := re.search(told, text)):
                line = process.stdout.readline()
                assert line, (text, process.communicate())
                text += line
            yield process, found[1]
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
            process.communicate(timeout=PATIENCE)

    def client(self, service: str, **changes: Any) -> Any:
        """A boto3 client of this server."""
        key = (self.facts["access_key_id"], self.facts["secret_access_key"])
        settings = {"config": Config(), "verify": self.facts["ca_file"]}
        return boto_client(service, self.facts["endpoint_url"], self.facts["region"], key, **(settings | changes))

    def answers(self) -> bool:
        """Whether the server takes calls."""
        return _answer(self.client("sts").get_caller_identity) is not None

    def clear(self) -> None:
        """End all sessions; forget other nodes, the node's tags, and documents."""
        ssm = self.client("ssm")

        def ended() -> bool:
            rows = self.active_sessions()
            for row in rows:
                ssm.terminate_session(SessionId=row["SessionId"])
            return not rows

        wait_until(ended)
        for node in ssm.describe_instance_information()["InstanceInformationList"]:
            if node["InstanceId"] != self.node_id:
                ssm.deregister_managed_instance(InstanceId=node["InstanceId"])
        resource = {"ResourceType": "ManagedInstance", "ResourceId": self.node_id}
        tags = [tag["Key"] for tag in ssm.list_tags_for_resource(**resource)["TagList"]]
        if tags:
            ssm.remove_tags_from_resource(**resource, TagKeys=tags)
        for document in ssm.list_documents(Filters=[{"Key": "Owner", "Values": ["Self"]}])["DocumentIdentifiers"]:
            ssm.delete_document(Name=document["Name"])

    def active_sessions(self) -> list[dict[str, Any]]:
        """The rows of the newest sessions that are not over, newest first; a page of them."""
        return list(self.client("ssm").describe_sessions(State="Active")["Sessions"])

    def has_no_sessions(self) -> bool:
        """Whether all sessions are over."""
        return not self.active_sessions()

    def is_connected(self, node_id: str | None = None) -> bool:
        """Whether the control channel of a node, the demo's own if none is named, is up; False without a server."""
        answer = _answer(self.client("ssm").get_connection_status, Target=node_id or self.node_id)
        return answer is not None and answer["Status"] == "connected"

    def descendants(self) -> list[psutil.Process]:
        """Every process that the demo started, itself first."""
        root = psutil.Process(self.process.pid)
        return [root, *root.children(recursive=True)]

    def server_process(self) -> psutil.Process | None:
        """The process of the server, whichever it is now; None while it is down."""
        for process in self.descendants():
            command = arguments(process)
            if "server" in command and "--config" in command:
                return process
        return None

    def log_ends(self) -> list[tuple[str, str]]:
        """The name of each log of the demo's programs, and its last lines."""
        logs = sorted(Path(self.facts["profile_dir"]).parents[1].glob("*.log")) if "profile_dir" in self.facts else []
        return [(log.name, "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:])) for log in logs]

    def session_row(self, session_id: str) -> dict[str, Any]:
        """The session's row of DescribeSessions, wherever it is."""
        ssm = self.client("ssm")
        for state in ("Active", "History"):
            rows = ssm.describe_sessions(State=state, Filters=[{"key": "SessionId", "value": session_id}])["Sessions"]
            if rows:
                return dict(rows[0])
        raise LookupError(session_id)


def _answer(call: Callable[..., dict[str, Any]], **parameters: str) -> dict[str, Any] | None:
    """A call's answer; None while no server takes calls."""
    try:
        return call(**parameters)
    except BotoCoreError:
        return None
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in UNREACHED:
            return None
        raise


@contextlib.contextmanager
def running_demo(directory: Path, *options: str, forked: bool = True) -> Iterator[Ferryman]:
    """Run a demo in a directory until the end of the context; afterwards nothing of it runs.

    Unless `forked`, it starts as a newcomer starts it.
    """
    with (directory / "demo.stderr").open("w") as errors:
        process: Any
        if forked:
            process = ForkedDemo("--hold", "--json", *options, directory=directory, errors=errors)
        else:
            process = subprocess.Popen(
                [FERRYMAN, "demo", "--hold", "--json", *options],
                cwd=directory,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
    line = process.stdout.readline()
    assert line, (directory / "demo.stderr").read_text()
    running = Ferryman(json.loads(line), process)
    try:
        yield running
    finally:
        _stop(running)


def _stop(ferryman: Ferryman) -> None:
    started = ferryman.descendants() if ferryman.process.poll() is None else []
    ferryman.process.stdin.close()
    try:
        ferryman.process.wait(PATIENCE)
    finally:
        ferryman.process.stdout.close()
        _, alive = psutil.wait_procs(started, timeout=PATIENCE)
        for process in alive:
            process.kill()
    assert not alive, f"left running: {[process.cmdline() for process in alive]}"
