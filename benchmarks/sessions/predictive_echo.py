"""What a person sees of their typing on a slow path, with predictive echo and without.

A shell of the plugin, through a relay that delays every byte by DELAY in each direction. The lines that are typed are
comments of all letters, so that each letter is new on its line; the first keys of a line, which are never predicted,
count too.
"""

import os
import re
import select
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from string import ascii_lowercase

from benchmarks.measurement import Bar, Measurement
from benchmarks.peers import traffic
from benchmarks.sessions.echo import CONTROL, LIMIT, Ferryman, Terminal, demo, opened, quantile

DELAY = 0.1
"""Seconds, each way."""
PAUSE = 0.12
"""Seconds between keys: about 100 words a minute."""
LINES = 8
WRONG_GUESSES = 12
SETTLED = 0.6
# Every second key is not echoed, which nobody can guess.
HALF_SILENT = b"while read -rn1 a; do read -rsn1 b; done\r"
UNDERLINED = b"\x1b[0;4m"
ERASED = re.compile(rb"\x1b\[1X")


def run() -> list[Measurement]:
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ferryman-bench-")))
        ferryman = stack.enter_context(demo(directory))
        server = int(ferryman.facts["endpoint_url"].rpartition(":")[2].strip("/"))
        relay = stack.enter_context(traffic.delayed(server, DELAY))
        with shell(ferryman, relay, "never") as terminal:
            plain = [seconds for _ in range(LINES // 4) for seconds in type_line(terminal)]
        with shell(ferryman, relay, "auto") as terminal:
            predicted = [seconds for _ in range(LINES) for seconds in type_line(terminal)]
            repaired = repairs(terminal)
    trip = f"{2 * DELAY * 1e3:.0f} ms"
    peer = quantile(plain, 0.5) * 1e3
    rows = [
        (f"Perceived echo over {trip}, p50", quantile(predicted, 0.5), Bar("value", at_most=10)),
        (f"Perceived echo over {trip}, p90", quantile(predicted, 0.9), None),
        (f"Wrong guess over {trip}, until it is gone, p50", quantile(repaired, 0.5), Bar("ratio", at_most=1.25)),
    ]
    return [Measurement(name, value * 1e3, "ms", "without prediction, p50", peer, bar) for name, value, bar in rows]


@contextmanager
def shell(ferryman: Ferryman, relay: int, predict: str) -> Iterator[Terminal]:
    """A shell through the relay, at its prompt."""
    command = ferryman.command()
    command[1] = re.sub(r"(ws://[^/:]*):\d+", rf"\1:{relay}", command[1])
    with opened(command, ferryman.environment | {"FERRYMAN_PREDICT": predict}) as terminal:
        terminal.prompt()
        yield terminal


def type_line(terminal: Terminal) -> list[float]:
    """Type a comment and Enter; seconds until each letter could be seen."""
    seen = b""
    typed_at: dict[bytes, float] = {}
    took: dict[bytes, float] = {}
    next_key = time.perf_counter()
    keys = [b"#", *(letter.encode() for letter in ascii_lowercase)]
    while len(took) < len(keys):
        now = time.perf_counter()
        if len(typed_at) < len(keys) and now >= next_key:
            key = keys[len(typed_at)]
            typed_at[key] = now
            next_key += PAUSE
            os.write(terminal.fd, key)
        wait = next_key - time.perf_counter() if len(typed_at) < len(keys) else LIMIT
        if select.select([terminal.fd], [], [], max(0.0, wait))[0]:
            seen += os.read(terminal.fd, 65536)
            visible = CONTROL.sub(b"", seen)
            now = time.perf_counter()
            took |= {key: now - at for key, at in typed_at.items() if key not in took and key in visible}
        elif wait == LIMIT:
            raise TimeoutError(f"not within {LIMIT} s; seen: {seen[-300:]!r}")
    os.write(terminal.fd, b"\r")
    terminal.prompt()
    return list(took.values())


def repairs(terminal: Terminal) -> list[float]:
    """Seconds from each of some keys that are wrongly predicted until nothing of it is on the screen."""
    os.write(terminal.fd, HALF_SILENT)
    time.sleep(SETTLED)
    took = []
    for _ in range(WRONG_GUESSES):
        os.write(terminal.fd, b"e")
        time.sleep(SETTLED)
        while select.select([terminal.fd], [], [], 0)[0]:
            os.read(terminal.fd, 65536)
        typed_at = time.perf_counter()
        os.write(terminal.fd, b"w")
        terminal.read_until(lambda seen: UNDERLINED + b"w" in seen and ERASED.search(seen))
        took.append(time.perf_counter() - typed_at)
        time.sleep(SETTLED)
    return took
