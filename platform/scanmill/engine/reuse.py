"""The reuse key: what a result depends on, chained step by step. A README edit changes none; a new FFT library all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from scanmill.engine.closure import closure_hash
from scanmill.engine.device_class import device_class
from scanmill.engine.stage_steps import BoundStep
from scanmill.engine.task import FileRef, Task

NUMERIC_LIBRARIES = (
    *("numpy", "scipy", "numba", "llvmlite"),
    *("numba-cuda", "cupy-cuda12x", "cupy-cuda13x", "cupy", "finufft", "cufinufft"),
    *("nvidia-cufft-cu12", "nvidia-cufft", "nvidia-cuda-nvrtc-cu12", "nvidia-cuda-nvrtc"),
    *("pylibjpeg-libjpeg", "pylibjpeg-openjpeg"),
)
"""Distributions whose versions may change a number; llvmlite and nvrtc because they compile the kernels, the JPEG
decoders because what they give of lossy images is theirs."""
IDENTITY = frozenset({"row_key", "patient_key", "bytes", "n_files"})
"""Columns of a row that say who and how much, not what; all others count, since steps may read them."""


def stage_key(steps: Iterable[BoundStep], array_device: str) -> tuple[str, ...]:
    """One hash per step: its name, parameters, wiring and source closure; the first is libraries and device class."""
    return (
        _hash({"libraries": library_versions(), "device": device_class(array_device)}),
        *(step_key(bound) for bound in steps),
    )


def step_key(bound: BoundStep) -> str:
    """The hash of one step with its resolved parameters and the source it can reach."""
    params = bound.params.model_dump(mode="json")
    wiring = [dict(bound.call.into), dict(bound.call.out)]
    module = bound.step.run.__module__
    return _hash([bound.step.name, params, wiring, closure_hash(module)])


def reuse_key(stage: tuple[str, ...], task: Task) -> str:
    """The key of one unit's results: its inputs and seed, then the chain of the steps."""
    key = _hash({"inputs": _inputs(task), "seed": task.unit.seed, "finish": task.finish})
    for link in stage:
        key = hashlib.sha256(f"{key}{link}".encode()).hexdigest()
    return key


@cache
def library_versions() -> dict[str, str]:
    """The installed versions of the libraries that compute."""
    found = {}
    for name in NUMERIC_LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _inputs(task: Task) -> object:
    rows = [[{k: v for k, v in row.columns.items() if k not in IDENTITY}, _files(row.files)] for row in task.rows]
    return [rows, _files(task.partials), _files(task.extra)]


def _files(refs: Iterable[FileRef]) -> list[tuple[str, ...]]:
    """Where a file lies does not count, except to a data card, which takes order and numbers from names."""
    return sorted(
        (ref.role, ref.reader, ref.sha256 or f"{ref.path} {ref.bytes}", ref.path if ref.reader == "card" else "")
        for ref in refs
    )


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
