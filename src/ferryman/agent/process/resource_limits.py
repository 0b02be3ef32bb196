"""Limits that the kernel enforces on a session's programs."""

import resource

import msgspec


class ResourceLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Limits of each process of a session; None leaves the agent's own. None can be above the agent's hard limit."""

    open_files: int | None = 16384
    """RLIMIT_NOFILE."""
    processes: int | None = 8192
    """RLIMIT_NPROC: of all processes of the account together; root is exempt."""
    core_bytes: int | None = 0
    """RLIMIT_CORE."""
    memory_bytes: int | None = None
    """RLIMIT_AS: address space of one process."""
    cpu_seconds: int | None = None
    """RLIMIT_CPU."""
    file_bytes: int | None = None
    """RLIMIT_FSIZE: the largest file written."""


DEFAULT_LIMITS = ResourceLimits()
_RESOURCES = {
    "open_files": resource.RLIMIT_NOFILE,
    "processes": resource.RLIMIT_NPROC,
    "core_bytes": resource.RLIMIT_CORE,
    "memory_bytes": resource.RLIMIT_AS,
    "cpu_seconds": resource.RLIMIT_CPU,
    "file_bytes": resource.RLIMIT_FSIZE,
}


def apply_limits(limits: ResourceLimits) -> None:
    """Set this process's soft and hard limits, each capped at the current hard limit."""
    for name, kind in _RESOURCES.items():
        wanted: int | None = getattr(limits, name)
        if wanted is not None:
            hard = resource.getrlimit(kind)[1]
            value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(kind, (value, value))


def raise_open_files() -> None:
    """Let this process open as many files as its hard limit allows."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
