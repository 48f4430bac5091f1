"""How much of the truth a search finds: its first answers beside those of comparing everything with everything."""

from __future__ import annotations

import numpy as np

from scanmill.arrays import HostArray
from scanmill.retrieval.masters import Master

SAMPLE = 256
AT = 10


def exact_neighbours(master: Master, n: int = SAMPLE, at: int = AT) -> tuple[HostArray, HostArray]:
    """A sample of rows (n,), the same each time, and the ``at`` nearest others of each by the exact search."""
    size = len(master)
    sample = np.sort(np.random.default_rng(1).permutation(size)[:n])
    _, rows = master.exact(master.vectors(sample), min(at + 1, size), None)
    return sample, _without_self(sample, rows)


def recall_of(sample: HostArray, found: HostArray, truth: HostArray) -> float:
    """The mean share of ``truth`` (n, at) among what was ``found`` (n, at + 1), the sample's own rows not counted."""
    if not truth.size:
        return 1.0
    others = _without_self(sample, found)
    return float((truth[:, :, None] == others[:, None, :]).any(axis=2).mean())


def recall(master: Master, n: int = SAMPLE, at: int = AT) -> float:
    """The recall at ``at`` of a master's own search against its exact one; 1 of one that compares everything."""
    if master.method == "flat":
        return 1.0
    sample, truth = exact_neighbours(master, n, at)
    _, found = master.search(master.vectors(sample), truth.shape[1] + 1, None)
    return recall_of(sample, found, truth)


def _without_self(sample: HostArray, rows: HostArray) -> HostArray:
    """Each line without the row itself; where that is not among them (its twins came first), without the last."""
    order = np.argsort(rows == sample[:, None], axis=1, kind="stable")
    return np.asarray(np.take_along_axis(rows, order, 1)[:, : max(rows.shape[1] - 1, 0)])
