"""Agents of a test's own, real processes."""

import contextlib
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil

from tests.e2e.demo import Ferryman
from tests.e2e.processes.programs import FERRYMAN
from tests.e2e.processes.warm_programs import warm_programs
from tests.waiting import PATIENCE


@contextlib.contextmanager
def agent_of_its_own(
    ferryman: Ferryman,
    state: Path,
    endpoint: str,
    environment: Mapping[str, str] | None = None,
    program: Sequence[str] = (FERRYMAN,),
) -> Iterator[str]:
    """Run an agent that knows the server by `endpoint`, with variables of its own; its node's id."""
    variables = os.environ | dict(environment or {})
    activation = ferryman.client("ssm").create_activation(IamRole="FerrymanTests")
    options = ["--activation-id", activation["ActivationId"]]
    code = {"FERRYMAN_ACTIVATION_CODE": activation["ActivationCode"]}
    register = ["agent", "register", "--endpoint-url", endpoint, "--state-dir", str(state), *options]
    if program == (FERRYMAN,):
        done = warm_programs.run(FERRYMAN, *register, environment=variables | code)
    else:
        done = subprocess.run(
            [*program, *register], env=variables | code, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    assert done.returncode == 0, done.stderr
    with (state / "agent.log").open("wb") as log:
        process = subprocess.Popen(
            [*program, "agent", "run", "--state-dir", str(state)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=variables,
        )
    try:
        yield done.stdout.strip()
    finally:
        started = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        process.terminate()
        process.wait(PATIENCE)
        _, alive = psutil.wait_procs(started, timeout=PATIENCE)
        for each in alive:
            each.kill()
    assert not alive
