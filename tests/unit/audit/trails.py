"""Audit trails as tests open and read them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ferryman.audit.checkpoints import Bounds, CheckpointWriter
from ferryman.audit.files import TrailFiles
from ferryman.audit.reader import newest_first, verify
from ferryman.audit.retention import Retention
from ferryman.audit.writer import TrailWriter
from ferryman.core.audit.chain import Problem
from ferryman.core.ports.audit import Entry

KEY, SEED = bytes(32), bytes(range(32))


def describe(detail_type: str, detail: Mapping[str, Any]) -> Entry:
    return {"detail-type": detail_type, "detail": dict(detail)}


def open_trail(
    directory: Path, *, file_bytes: int = 1 << 20, files_kept: int = 100, key: bytes = KEY, **options: Any
) -> TrailWriter:
    options = {"retention": Retention(files_kept)} | options
    return TrailWriter(TrailFiles(directory, file_bytes), key, describe, **options)


def records(directory: Path) -> list[dict[str, Any]]:
    return list(newest_first(directory))[::-1]


def names(directory: Path) -> list[Any]:
    return [each.get("detail-type") or each["n"] for each in records(directory)]


def problems(directory: Path, at_least: int = 0) -> list[Problem]:
    return verify(directory, KEY, at_least)[1]


def checkpoint_writer(
    directory: Path,
    trail: TrailWriter,
    *,
    records: int = 1000,
    seconds: float = 3600.0,
    seed: bytes = SEED,
    key: bytes = KEY,
    server: str = "",
) -> CheckpointWriter:
    origin = {"accountId": "123456789012", "time": "2026-01-31T12:00:00.000Z"} | (
        {"serverName": server} if server else {}
    )
    return CheckpointWriter(
        directory,
        trail,
        Bounds(seconds, records),
        keys=lambda: [key],
        seed=lambda: seed,
        origin=lambda: origin,
        describe=describe,
    )
