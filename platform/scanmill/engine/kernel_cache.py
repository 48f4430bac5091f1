"""This node's compiled kernels: one folder keyed by their source, filled by one process while the others wait."""

from __future__ import annotations

import fcntl
import importlib
import os
from importlib.util import find_spec
from pathlib import Path

from scanmill.engine.closure import closure_hash

LAUNCH, WARM = "scanmill.kernels.launch", "scanmill.operators.warm"
CACHE = "NUMBA_CACHE_DIR"


def use_kernel_cache() -> None:
    """Let Numba keep its code in this node's folder; must be called before Numba is imported. The user's wish stays."""
    if find_spec(LAUNCH) is not None:
        os.environ.setdefault(CACHE, str(_folder()))


def warm_kernels(array_device: str) -> list[str]:
    """Compile all kernels, or load them, and run the golden one: no unit pays for compiling, and a device that
    computes wrongly is seen before it works.

    Numba's cache may lose entries when several processes write it, so the first on a node compiles alone.
    """
    if find_spec(LAUNCH) is None:
        return []
    folder = Path(os.environ.get(CACHE, _folder()))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        names: list[str] = importlib.import_module(WARM).compile_kernels(array_device)
    return names


def _folder() -> Path:
    """Below the user's own cache, never in a folder that others can write: compiled code is executed."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "scanmill" / "kernels" / closure_hash(WARM)[:16]
