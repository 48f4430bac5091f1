"""A clone of an index's vectors on a GPU, by setting: the CPU keeps the master, and what the clone cannot do.

It has not yet run on a GPU; its logic is tested with a clone on the CPU.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import ResourceError, SpecError
from scanmill.retrieval.exact import scored, settled
from scanmill.retrieval.faiss_library import bitmap, faiss_module
from scanmill.retrieval.masters import Master

MOST_K = 2048
"""FAISS's own limit on a GPU; more are asked of the CPU."""
CHECKED = 32
"""Queries by which a clone's filter is held against the CPU's."""
FEWEST_FOR_FILTER = 0.1
"""The share of the entries from which a filtered search goes to the clone; of fewer the CPU compares all."""


class GpuClone:
    """Searches as its master does, on a device; good for one generation of the index.

    FAISS's GPU indexes once ignored filters in silence, so the clone's is tried first: it is used only where it gives
    nothing but what was asked for, and as near as the CPU. Scores are those of the CPU in every case.
    """

    def __init__(self, master: Master, device: str, probes: int | None = None) -> None:
        self.metric, self._master, self._probes = master.metric, master, probes
        self._one_at_a_time = threading.Lock()
        self._clone = clone_of(master.index, device)
        self._filters = self._filter_is_sound()

    @property
    def filters(self) -> bool:
        """Whether filtered searches run on the device."""
        return self._filters

    def search(self, queries: HostArray, k: int, rows: HostArray | None) -> tuple[HostArray, HostArray]:
        """The k nearest of all, or of ``rows``: from the device where it can, else from the master."""
        few = rows is not None and len(rows) < FEWEST_FOR_FILTER * len(self._master)
        if k > MOST_K or few or (rows is not None and not self._filters):
            return self._master.search(queries, k, rows)
        found = self._on_device(queries, k, rows)
        wanted = min(k, len(self._master) if rows is None else len(rows))
        if ((found >= 0).sum(axis=1) < wanted).any():
            return self._master.search(queries, k, rows)
        return settled(self._master.vectors, len(self._master), rows, queries, found, self.metric)

    def _on_device(self, queries: HostArray, k: int, rows: HostArray | None) -> HostArray:
        faiss, knobs = faiss_module(), {} if self._probes is None else {"nprobe": self._probes}
        numbers = getattr(self._master, "numbers", None)
        if rows is not None:
            ids = rows if numbers is None else numbers[rows]
            bits = bitmap(ids, int(ids.max()) + 1)
            knobs = {**knobs, "sel": faiss.IDSelectorBitmap(bits)}
        kind = faiss.SearchParameters if self._probes is None else faiss.SearchParametersIVF
        with self._one_at_a_time:
            found = self._clone.search(queries, k, params=kind(**knobs))[1]
        return np.asarray(found if numbers is None else np.where(found < 0, -1, np.searchsorted(numbers, found)))

    def _filter_is_sound(self) -> bool:
        """Half of the rows are asked for, by queries that lie in the other half."""
        n = len(self._master)
        if not n:
            return False
        rows = np.arange(0, n, 2)
        queries = self._master.vectors(np.arange(1, n, 2)[:CHECKED] if n > 1 else rows)
        k = min(10, len(rows))
        try:
            found = self._on_device(queries, k, rows)
        except RuntimeError:  # FAISS says that it cannot filter there
            return False
        if not np.isin(found, rows).all():
            return False
        truth, _ = self._master.search(queries, k, rows)
        mine = scored(self._master.vectors, queries, found, self.metric)
        return bool(np.mean(np.isclose(np.sort(mine, axis=1), np.sort(truth, axis=1), atol=1e-4)) > 0.99)


def clone_of(index: Any, device: str) -> Any:
    """FAISS's copy of an index on ``cuda:N``; SpecError for another device, ResourceError where it cannot be made."""
    kind, _, number = device.partition(":")
    if kind != "cuda" or not (number or "0").isdigit():
        raise SpecError("unknown device", expected='"cuda:N"', got=device)
    faiss = faiss_module()
    if not hasattr(faiss, "StandardGpuResources"):
        raise ResourceError("this FAISS has no GPU support", got=device, do="pip install 'scanmill[gpu]'")
    try:
        return faiss.index_cpu_to_gpu(faiss.StandardGpuResources(), int(number or 0), index)
    except RuntimeError as error:
        raise ResourceError("the index does not fit the GPU", got=device, do="search on the CPU") from error
