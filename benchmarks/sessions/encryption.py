"""What end-to-end encryption costs: keystroke echo, and bulk output, beside sessions of the same node without it.

A real server, agent and clients; KMS is the server's own. Both kinds take turns, so that what else the machine does
hits both alike.
"""

import asyncio
import json
import os
import statistics
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import botocore.session

import ferryman as public
from benchmarks.measurement import Bar, Measurement
from benchmarks.sessions import echo
from benchmarks.sessions.echo import PROGRAMS, quantile
from ferryman.cli.demo.starting import free_port
from ferryman.cli.operate.init import ServerPlan, initialise

ROUNDS = 5
BULK_BYTES = 128 << 20
START_SECONDS = 60.0
PREFERENCES = "SSM-SessionManagerRunShell"


def run() -> list[Measurement]:
    """Measure; takes about half a minute."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ferryman-bench-")))
        ferryman = stack.enter_context(running_site(directory))
        return [_echo(ferryman), _bulk(ferryman)]


@contextmanager
def running_site(directory: Path) -> Iterator[echo.Ferryman]:
    """A server that records nothing, and an agent."""
    made = initialise(ServerPlan(directory / "server", listen=f"127.0.0.1:{free_port()}"))
    credentials = made.credentials
    facts = {
        "endpoint_url": made.public_url,
        "region": made.region,
        "access_key_id": credentials.access_key_id,
        "secret_access_key": credentials.secret_access_key.reveal(),
    }
    program, state = str(PROGRAMS / "ferryman"), str(directory / "agent")
    with ExitStack() as stack, (directory / "log").open("w") as log:
        stack.enter_context(_running([program, "server", "--config", str(made.configuration)], log.fileno()))
        _wait(lambda: _answers(made.public_url))
        ferryman = echo.Ferryman(facts)
        activation = ferryman.ssm.create_activation(IamRole="node")
        register = [program, "agent", "register", "--endpoint-url", made.public_url, "--state-dir", state]
        register += ["--activation-id", activation["ActivationId"]]
        code = {"FERRYMAN_ACTIVATION_CODE": activation["ActivationCode"]}
        done = subprocess.run(register, env=os.environ | code, stdout=subprocess.PIPE, text=True, check=True)
        facts["node_id"] = node_id = done.stdout.strip()
        stack.enter_context(_running([program, "agent", "run", "--state-dir", state], log.fileno()))
        _wait(lambda: ferryman.ssm.get_connection_status(Target=node_id)["Status"] == "connected")
        yield ferryman


@contextmanager
def _running(command: list[str], log: int) -> Iterator[None]:
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(f"{url}/healthz", timeout=5).close()  # noqa: S310 - our own
    except urllib.error.URLError:
        return False
    return True


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {START_SECONDS:.0f} s")
        time.sleep(0.1)


def _create_document(ferryman: echo.Ferryman, name: str) -> None:
    kms = botocore.session.Session().create_client(
        "kms",
        endpoint_url=ferryman.facts["endpoint_url"],
        region_name=ferryman.facts["region"],
        aws_access_key_id=ferryman.facts["access_key_id"],
        aws_secret_access_key=ferryman.facts["secret_access_key"],
    )
    key = kms.create_key()["KeyMetadata"]["Arn"]
    content = {"schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": {"kmsKeyId": key}}
    ferryman.ssm.create_document(Name=name, Content=json.dumps(content), DocumentType="Session")


def _echo(ferryman: echo.Ferryman) -> Measurement:
    _create_document(ferryman, "encrypted")
    environment = ferryman.environment
    contenders = {
        "plain": (ferryman.command(), environment),
        "encrypted": (ferryman.command(DocumentName="encrypted"), environment),
    }
    took = {name: 1e6 * quantile(seconds, 0.5) for name, seconds in echo.echoes(contenders).items()}
    bar = Bar("ratio", at_most=1.15)
    return Measurement("Keystroke echo, encrypted, p50", took["encrypted"], "µs", "not encrypted", took["plain"], bar)


def _bulk(ferryman: echo.Ferryman) -> Measurement:
    for name in ("endpoint_url", "region", "access_key_id", "secret_access_key"):
        os.environ[f"AWS_{name.upper()}"] = ferryman.facts[name]
    rates: dict[bool, list[float]] = {False: [], True: []}
    for number in range(ROUNDS + 1):
        for encrypted, found in rates.items():
            if encrypted:
                _create_document(ferryman, PREFERENCES)
            rate = asyncio.run(_output_rate(ferryman.facts["node_id"]))
            if encrypted:
                ferryman.ssm.delete_document(Name=PREFERENCES)
            if number:  # the first round warms caches, and is not counted
                found.append(rate)
    plain, encrypted_rate = (statistics.median(rates[each]) for each in (False, True))
    bar = Bar("ratio", at_least=0.7)
    return Measurement("Bulk output, encrypted", encrypted_rate, "MB/s", "not encrypted", plain, bar)


async def _output_rate(node_id: str) -> float:
    """Megabytes a second of a command's output, from its first byte to its last."""
    async with public.connect(node_id) as node, node.start(["head", "-c", str(BULK_BYTES), "/dev/zero"]) as command:
        received, began = 0, 0.0
        async for _, data in command:
            began = began or time.perf_counter()
            received += len(data)
        seconds = time.perf_counter() - began
        await command.wait()
    if received != BULK_BYTES:
        raise AssertionError(f"{received} bytes arrived, not {BULK_BYTES}")
    return received / seconds / 1e6
