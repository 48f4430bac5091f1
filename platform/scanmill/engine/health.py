"""What a machine has for `scanmill doctor`: cores, memory, GPUs, versions, clock, kernels, and storage within reach."""

from __future__ import annotations

import shutil
import socket
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from scanmill.engine.environment import environment_record
from scanmill.errors import ScanmillError


def node_health(storage: Sequence[str] = ()) -> dict[str, Any]:
    """The facts of this machine, and for every URI whether it can be read: ``ok`` or what went wrong."""
    memory = psutil.virtual_memory()
    record = environment_record(socket.gethostname())
    return {
        **{name: record[name] for name in ("node", "python", "scanmill", "cpu", "n_cpus", "gpus", "numeric")},
        "memory_total": memory.total,
        "memory_free": memory.available,
        "disk_free": shutil.disk_usage(tempfile.gettempdir()).free,
        "clock": time.time(),
        "kernels": _kernels(),
        "storage": {uri: _readable(uri) for uri in storage},
    }


def cluster_health(address: str, storage: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The facts of every node of a Ray cluster, asked on the node itself."""
    from scanmill.engine.ray_session import connect, disconnect

    ours = connect(address, None)
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    try:
        nodes = ray.nodes()  # type: ignore[no-untyped-call]
        alive = sorted((node for node in nodes if node["Alive"]), key=lambda node: str(node["NodeID"]))
        places = [NodeAffinitySchedulingStrategy(node["NodeID"], soft=False) for node in alive]
        ask = ray.remote(num_cpus=0, max_retries=0)(node_health)
        found: list[dict[str, Any]] = ray.get(
            [ask.options(scheduling_strategy=p).remote(list(storage)) for p in places]
        )
        return found
    finally:
        if ours:
            disconnect()


def _kernels() -> str:
    from scanmill.engine.kernel_cache import use_kernel_cache, warm_kernels

    use_kernel_cache()
    try:
        warm_kernels("cpu")
    except ScanmillError as error:
        return str(error)
    return "ok"


def _readable(uri: str) -> str:
    from scanmill.storage import open_store

    try:
        store = open_store(uri)
        root = getattr(store, "root", None)
        if isinstance(root, Path) and not root.is_dir():
            return "there is no such folder"
        next(iter(store.list("")), None)
    except ScanmillError as error:
        return str(error)
    return "ok"
