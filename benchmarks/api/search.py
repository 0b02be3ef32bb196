"""SearchRecordings over many recordings: how long a page takes for rare and common words, for somebody who reads all.

The index is filled directly, with lines as servers show them: words as frequent as in natural language, paths, numbers
and hashes. FERRYMAN_BENCH_RECORDINGS sets how many recordings; each has 100 KB of text.
"""

import asyncio
import os
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.measurement import Bar, Measurement
from ferryman.bus.memory import MemoryBus
from ferryman.core.authorization.builtin_policies import BUILTIN_POLICIES, ROLE_POLICIES
from ferryman.core.ports.recordings.search import SearchedRecording
from ferryman.core.ports.recordings.store import (
    DATA_KEY_PURPOSE,
    Recording,
    RecordingKey,
    RecordingMode,
    RecordingQuery,
)
from ferryman.core.recordings.search import SearchRecordingsRequest, search_recordings
from ferryman.core.service import Service, Settings
from ferryman.core.vault import Vault
from ferryman.model.identifiers import Millis, NodeId, SessionId
from ferryman.model.identity.callers import BuiltinRole, Caller, CallerKind
from ferryman.model.identity.policies import PolicyDocument
from ferryman.model.values.phrases import words_of
from ferryman.recording.search.index import LineSearch
from ferryman.recording.search.messages import Chunk
from ferryman.store.database import open_store
from ferryman.store.line_index import SqliteLineIndex

RECORDINGS = 10_000
BYTES = 100_000
CHUNK_LINES = 256
"""About 16 KiB."""
CALLS = 60
NOW = 1_700_000_000_000
_POLICIES = (PolicyDocument("administrator", BUILTIN_POLICIES[ROLE_POLICIES[BuiltinRole.ADMINISTRATOR]].text),)
_CALLER = Caller(
    CallerKind.USER, "123456789012", "arn:aws:iam::123456789012:user/bench", "AIDA", "bench", policies=_POLICIES
)


def run() -> list[Measurement]:
    """Measure; takes about a quarter of an hour with all recordings."""
    return asyncio.run(_measure(int(os.environ.get("FERRYMAN_BENCH_RECORDINGS", str(RECORDINGS)))))


async def _measure(count: int) -> list[Measurement]:
    with tempfile.TemporaryDirectory() as directory:
        store = await open_store(f"sqlite:///{directory}/store.sqlite")
        index = SqliteLineIndex(Path(directory) / "search.sqlite")
        await index.open()
        settings = Settings("123456789012", "bench-1", "http://localhost")
        service = Service(settings, store, MemoryBus(), Vault(bytes(32), os.urandom), lambda: Millis(NOW), os.urandom)
        search = LineSearch(service, index)
        await search.open()
        service = replace(service, recording_search=search)
        words = _vocabulary()
        began = time.perf_counter()
        text = await _fill(service, search, index, words, count)
        filled = time.perf_counter() - began
        took = {kind: await _times(service, phrases) for kind, phrases in _phrases(words).items()}
        search.close()
        await index.close()
        await store.close()
        size = (Path(directory) / "search.sqlite").stat().st_size
    note = f"{count:,} recordings, {text / 1e6:,.0f} MB of text, indexed in {filled:,.0f} s"
    return [
        *(
            Measurement(
                f"search for {kind}, p95", _percentile(each, 95), "ms", bar=Bar("value", at_most=300), note=note
            )
            for kind, each in took.items()
        ),
        Measurement("search index", size / 1e6, "MB", "text", text / 1e6),
    ]


async def _fill(service: Service, search: LineSearch, index: SqliteLineIndex, words: Sequence[str], count: int) -> int:
    chance = random.Random(1)  # noqa: S311 not for secrets
    weights = [1 / (rank + 1) for rank in range(len(words))]
    total = 0
    for number in range(count):
        session_id = SessionId(f"bench-{number:017x}")
        target, owner = NodeId(f"mi-{number % 500:017x}"), f"arn:aws:iam::123456789012:user/u{number % 50}"
        started_at = Millis(NOW + number * 1000)
        key = os.urandom(32)
        sealed = service.vault.seal(DATA_KEY_PURPOSE, key, session_id.encode())
        recording = Recording(session_id, target, owner, "u", "Shell", RecordingMode.REQUIRED, started_at)
        await service.store.recordings.add(recording, RecordingKey(sealed))
        chunks = _chunks(chance, words, weights, number)
        total += sum(len(line) for chunk in chunks for _, line in chunk.lines)
        await index.begin(SearchedRecording(session_id, target, owner, "u", "Shell", started_at))
        await index.add(session_id, 0, await search.seal(session_id, key, 0, chunks))
        await index.complete(session_id)
    return total


def _chunks(chance: random.Random, words: Sequence[str], weights: Sequence[float], number: int) -> list[Chunk]:
    """One recording's lines; every hundredth recording has a command that no other has."""
    drawn = iter(chance.choices(words, weights, k=BYTES // 6))
    lines = [(0, f"$ deploy{number // 100} --release r{number}")]
    size = 0
    while size < BYTES:
        parts = [next(drawn, "end") for _ in range(chance.randint(2, 12))]
        line = f"/srv/{parts[0]}/{chance.randrange(1000)}: {' '.join(parts)}"
        line += f" {chance.getrandbits(64):x}" if not len(lines) % 8 else ""
        lines.append((size, line))
        size += len(line)
    found: list[Chunk] = []
    for start in range(0, len(lines), CHUNK_LINES):
        taken = lines[start : start + CHUNK_LINES]
        found.append(Chunk(taken, sorted(frozenset().union(*(words_of(text) for _, text in taken)))))
    return found


def _vocabulary() -> list[str]:
    chance = random.Random(2)  # noqa: S311
    return ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 10))) for _ in range(20_000)]


def _phrases(words: Sequence[str]) -> dict[str, list[str]]:
    chance = random.Random(3)  # noqa: S311
    return {
        "a rare word": [f"deploy{chance.randrange(100)}" for _ in range(CALLS)],
        "a common word": [words[chance.randrange(20)] for _ in range(CALLS)],
        "a command with an option": [f"deploy{chance.randrange(100)} --release" for _ in range(CALLS)],
        "a word that nobody showed": [f"nothing{number}" for number in range(CALLS)],
    }


async def _times(service: Service, phrases: Sequence[str]) -> list[float]:
    """Return the milliseconds of each first page."""
    took: list[float] = []
    for phrase in phrases:
        began = time.perf_counter()
        await search_recordings(service, _CALLER, SearchRecordingsRequest(phrase, RecordingQuery()))
        took.append((time.perf_counter() - began) * 1000)
    return took


def _percentile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]
