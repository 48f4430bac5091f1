"""Refuse what cannot fit before anything is allocated."""

from __future__ import annotations

from pathlib import Path

from scanmill.arrays import Array, xp_of
from scanmill.errors import InputError, ResourceError

CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
GIB = 2**30


def require_memory(peak_bytes: int, near: Array, what: str) -> None:
    """Raise InputError where ``peak_bytes`` are more than the device of ``near`` has at all, and ResourceError where
    they are only more than is free now."""
    refuse_impossible(peak_bytes, near, what)
    free = memory_of(near)[1]
    if peak_bytes > free:
        raise ResourceError(f"not enough memory is free for {what}", expected=f"{peak_bytes / GIB:.2f} GiB",
                            got=f"{free / GIB:.2f} GiB")  # fmt: skip


def refuse_impossible(peak_bytes: int, near: Array, what: str) -> None:
    """Raise InputError where ``peak_bytes`` are more than the device of ``near`` has at all."""
    total = memory_of(near)[0]
    if peak_bytes > total:
        raise InputError(
            f"{what} would not fit into memory", expected=f"at most {total / GIB:.2f} GiB",
            got=f"{peak_bytes / GIB:.2f} GiB", do="choose a smaller grid, or a device with more memory",
        )  # fmt: skip


def memory_of(near: Array) -> tuple[int, int]:
    """Total and free bytes of the device that holds ``near``; a container's limit counts as its total."""
    xp = xp_of(near)
    if xp.__name__ == "cupy":
        free, total = xp.cuda.runtime.memGetInfo()
        pool = xp.get_default_memory_pool()
        return int(total), int(free + pool.free_bytes())
    import psutil

    memory = psutil.virtual_memory()
    total = min(memory.total, _container_limit())
    return int(total), int(min(memory.available, total))


def _container_limit() -> int:
    text = CGROUP_LIMIT.read_text().strip() if CGROUP_LIMIT.is_file() else "max"
    return int(text) if text.isdigit() else 2**62
