"""The environment record: what a node had when it worked for a run."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import scanmill
from scanmill.engine.device_class import cpu_model, gpus
from scanmill.engine.reuse import library_versions

IMAGE = "SCANMILL_IMAGE"
"""The environment variable in which a container image says its own digest."""


def environment_record(node: str) -> dict[str, Any]:
    """Packages, commit, Python, CPU, GPUs and driver, image: facts of the machine, nothing of its users."""
    return {
        "node": node,
        "scanmill": scanmill.__version__,
        **commit(),
        "python": sys.version.split()[0],
        "system": platform.platform(),
        "cpu": cpu_model(),
        "n_cpus": os.cpu_count(),
        "gpus": list(gpus()),
        "image": os.environ.get(IMAGE, ""),
        "numeric": library_versions(),
        "packages": packages(),
    }


@cache
def packages() -> dict[str, str]:
    """Every installed distribution and its version."""
    found = {dist.metadata["Name"]: dist.version for dist in distributions() if dist.metadata["Name"]}
    return dict(sorted(found.items()))


@cache
def commit() -> dict[str, Any]:
    """The commit of the source tree and whether it was edited since; empty for an installed package."""
    folder = Path(scanmill.__file__).parent
    head = _git(folder, "rev-parse", "HEAD")
    if head is None:
        return {"commit": "", "dirty": None}
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", str(folder))
    return {"commit": head, "dirty": bool(changes)}


def _git(folder: Path, *words: str) -> str | None:
    try:
        command = ["git", "-C", str(folder), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
