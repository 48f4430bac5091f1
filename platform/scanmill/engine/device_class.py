"""What "the same device" means: results are promised bit for bit on the same class only."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from functools import cache
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
NVIDIA_SMI = ("nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader")


@cache
def device_class(array_device: str) -> str:
    """The CPU's model and instruction set, or the GPU's name."""
    if array_device == "cpu":
        flags = hashlib.sha256(_cpuinfo("flags").encode()).hexdigest()[:8]
        return f"{platform.machine()} {cpu_model()} {flags}"
    number = int(array_device.partition(":")[2] or 0)
    found = gpus()
    return found[number].partition(",")[0] if number < len(found) else array_device


def cpu_model() -> str:
    """The CPU's name, as the system tells it."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


@cache
def gpus() -> tuple[str, ...]:
    """One line per GPU: name, driver, memory; empty where there is none."""
    try:
        done = subprocess.run(NVIDIA_SMI, capture_output=True, text=True, timeout=20, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(line.strip() for line in done.stdout.splitlines() if line.strip())


@cache
def _cpuinfo(field: str) -> str:
    try:
        lines = CPUINFO.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(field)), "")
