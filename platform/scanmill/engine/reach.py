"""Whether storage can be reached: the output written and read back, files of each root found; on any node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pyarrow.compute as pc

from scanmill.cohort import Cohort
from scanmill.errors import ScanmillError
from scanmill.storage import Roots, open_store

PROBED_FILES = 5
"""How many files of each root are looked for."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What is to be reached: the store's URI, the roots' URIs, and a few paths below each root."""

    store: str
    roots: Mapping[str, str]
    paths: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, cohort: Cohort, store: str) -> Probe:
        """Of a cohort and the store of its results."""
        names = cohort.files["root"].unique().to_pylist()
        return cls(store, dict(cohort.roots), {name: _some_paths(cohort, name) for name in names})


def reach_problems(probe: Probe) -> list[str]:
    """What this machine cannot reach; empty when all is well."""
    problems = _store_problems(probe.store)
    for root, paths in probe.paths.items():
        try:
            store = Roots(dict(probe.roots)).store(root)
            missing = sum(not store.exists(path) for path in paths)
        except ScanmillError as error:
            problems.append(f"root {root!r} cannot be read: {error.what}")
            continue
        if missing:
            problems.append(f"root {root!r}: {missing} of {len(paths)} files that were looked for are not there")
    return problems


def reach_problems_of_nodes(address: str, probe: Probe) -> list[str]:
    """What the nodes of a Ray cluster cannot reach, each asked on itself."""
    from scanmill.engine.ray_session import connect, disconnect

    ours = connect(address, None)
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    try:
        nodes: Any = [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
        ask = ray.remote(num_cpus=0, max_retries=0)(reach_problems)
        places = [NodeAffinitySchedulingStrategy(node["NodeID"], soft=False) for node in nodes]
        found: Any = ray.get([ask.options(scheduling_strategy=place).remote(probe) for place in places])
        names = [f"{node['NodeManagerHostname']} ({node['NodeID'][:6]})" for node in nodes]
        return [f"{name}: {problem}" for name, problems in zip(names, found, strict=True) for problem in problems]
    finally:
        if ours:
            disconnect()


def _store_problems(uri: str) -> list[str]:
    store, probe = open_store(uri), f".scanmill-probe-{uuid4().hex}"
    try:
        store.put_bytes(b"probe", probe)
        well = store.get_bytes(probe) == b"probe"
        store.delete(probe)
    except ScanmillError as error:
        return [f"the output cannot be written: {error.what}"]
    return [] if well else ["the output store gives back other bytes than were written"]


def _some_paths(cohort: Cohort, root: str) -> list[str]:
    paths = cohort.files.filter(pc.equal(cohort.files["root"], root))["path"]
    step = max(len(paths) // PROBED_FILES, 1)
    return [paths[i].as_py() for i in range(0, len(paths), step)][:PROBED_FILES]
