"""`ferryman doctor`, asked again while a busy machine keeps its server from answering in time."""

import subprocess

from tests.e2e.demo import Ferryman
from tests.e2e.processes.programs import FERRYMAN
from tests.e2e.processes.warm_programs import warm_programs
from tests.waiting import wait_until

NOWHERE = "/nowhere"
"""A PATH without programs: the doctor does not ask the AWS CLI for its version, which takes half a second."""


def doctor(ferryman: Ferryman, said: str, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """What the doctor answers once it says this on a line: it waits five seconds, in which a busy server may not
    answer."""

    def says() -> subprocess.CompletedProcess[str] | None:
        done = warm_programs.run(
            FERRYMAN, "doctor", *arguments, environment=ferryman.environment | {"PATH": NOWHERE} | changes
        )
        print(done.stdout)
        assert not done.stderr
        return done if any(said in line for line in done.stdout.splitlines()) else None

    return wait_until(says)
