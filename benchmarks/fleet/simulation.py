"""100,000 nodes and 10,000 sessions on five servers, in virtual time: what they cost, and how they survive losses.

Real are the servers' use cases, gateway, control channels, relay, heartbeat and turns of authentication, over a real
store; the agents' back-off and jitter; both ends' engines, pumps and reconnecting. Modelled are what carries messages
(`simulated/network.py`, `bus.py`), HTTP and TLS, the load balancer, and what each call, upgrade and frame takes of a
server's processor (`simulated/servers.py`). FERRYMAN_BENCHMARK_NODES=2000 makes it smaller; a tenth have a session.
With FERRYMAN_BENCHMARK_EACH=20, each simulated node stands for twenty, which takes a twentieth of the time.
"""

import asyncio
import gc
import logging
import os
import resource
import sys

import psutil
import structlog

from benchmarks.fleet.simulated.fleet import Seen, simulated_fleet
from benchmarks.fleet.simulated.servers import Costs, standing_for
from benchmarks.fleet.simulated.virtual_time import VirtualLoop
from benchmarks.measurement import Bar, Measurement

NODES = int(os.environ.get("FERRYMAN_BENCHMARK_NODES", "100000"))
EACH = int(os.environ.get("FERRYMAN_BENCHMARK_EACH", "1"))
"""So many nodes are simulated by one."""
SIMULATED = NODES // EACH
SERVERS = 5
START_SECONDS = 60.0
KEY_SECONDS = 10.0
"""Between two keys of a session."""
QUIET_SECONDS = 30.0
KIB = 1024


def run() -> list[Measurement]:
    """Simulate; takes 1.5 min of processor time with 15,000 nodes. Says on stderr what it has seen so far."""
    logging.disable()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        with loop.as_the_clock():
            return runner.run(_simulate())


async def _simulate() -> list[Measurement]:
    with standing_for(EACH) as costs:
        return await _simulate_fleet(costs)


async def _simulate_fleet(costs: Costs) -> list[Measurement]:
    async with simulated_fleet(SIMULATED, SERVERS, costs) as fleet:
        before = _memory()
        connected = _said("all are connected", await fleet.connect())
        kib = (_memory() - before) / SIMULATED / KIB
        started = _said("all sessions run", await fleet.start_sessions(SIMULATED // 10, START_SECONDS, KEY_SECONDS))
        quiet = _said("nothing happened", await fleet.quiet(QUIET_SECONDS))
        first, second = fleet.world.servers[:2]
        killed = _said("all are back from a killed server", await fleet.lose(first, silent=False))
        silently = _said("all are back from a silent one", await fleet.lose(second, silent=True))
        faults = fleet.world.faults
        wrong = sum(person.wrong for person in fleet.people) + sum(person.ended != "" for person in fleet.people)
    return [
        Measurement(
            "a connected node's objects in the server, without its connection", kib, "KiB", note="with stand-ins"
        ),
        Measurement("nothing happens: messages of all sockets", quiet.messages * EACH, "/s", note=_note(quiet)),
        *_measured("all nodes connect at once, as after a restart of all", connected),
        *_measured("sessions start within 1 min", started),
        *_measured("one of five killed", killed),
        *_measured("another lost without a word", silently),
        Measurement("keys lost, doubled or changed, and sessions ended", wrong, "", bar=Bar("value", at_most=0)),
        Measurement(
            "faults of servers and of the simulation", len(faults), "", bar=Bar("value", at_most=0), note=_first(faults)
        ),
        Measurement(
            "most memory of this process: servers, agents, both ends of sessions",
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB,
            "MiB",
        ),
    ]


def _measured(name: str, seen: Seen) -> list[Measurement]:
    return [
        Measurement(f"{name}: until all are there", seen.seconds, "s", note=_note(seen)),
        Measurement(f"{name}: not there", seen.missing * EACH, "", bar=Bar("value", at_most=0)),
        Measurement(f"{name}: control channels opened by one server in a second", seen.most_openings * EACH, ""),
    ]


def _note(seen: Seen) -> str:
    return (
        f"{seen.messages * EACH:.0f} messages/s, {seen.bus_messages * EACH:.0f}/s on the bus; busiest server "
        f"{100 * seen.busiest:.0f} %, longest wait for a processor {1000 * seen.backlog:.0f} ms; "
        f"slowest key {seen.slowest_key:.2f} s"
    )


def _said(what: str, seen: Seen) -> Seen:
    print(f"  {what}, {seen.missing * EACH} missing, after {seen.seconds:.1f} s", file=sys.stderr, flush=True)
    return seen


def _first(faults: list[str]) -> str:
    return faults[0] if faults else ""


def _memory() -> int:
    gc.collect()
    return int(psutil.Process().memory_full_info().uss)
