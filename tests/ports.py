"""TCP ports for programs that tests start: each process of a test run has some of its own, and uses none twice soon.

A program that has yet to start listens on its port seconds after the test chose it. A port that the kernel chose, or
chance, may be another test's by then.
"""

import itertools
import os
import random
import re
import socket

_FIRST, _SLICES, _EACH = 10_000, 20, 500
"""Below the ports that demos choose (20,000 and more) and those that the kernel gives to connections."""


def _own_ports() -> "itertools.cycle[int]":
    """The ports of this process of pytest-xdist, from any of them on: other tests may run on this machine."""
    worker = re.search(r"\d+$", os.environ.get("PYTEST_XDIST_WORKER", ""))
    first = _FIRST + _EACH * (int(worker[0]) % _SLICES if worker else _SLICES - 1)
    started = random.SystemRandom().randrange(_EACH)
    return itertools.cycle(first + (started + number) % _EACH for number in range(_EACH))


_ports = _own_ports()


def free_port() -> int:
    """Return a port that nothing on 127.0.0.1 listens on now, and that no other test gets before it is needed."""
    for port in itertools.islice(_ports, _EACH):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("there is no free port")
