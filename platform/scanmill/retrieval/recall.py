"""How much of the truth a search finds: its first answers beside those of comparing everything with everything."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from scanmill.arrays import HostArray
from scanmill.retrieval.exact import nearest_of_blocks
from scanmill.retrieval.masters import Master

SAMPLE = 256
AT = 10


def sample_of(master: Master) -> HostArray:
    """Some rows, the same each time for an index of one size."""
    return np.sort(np.random.default_rng(1).permutation(len(master))[:SAMPLE])


def recall_of(sample: HostArray, found: HostArray, truth: HostArray) -> float:
    """The mean share of the rows of ``truth`` (n, at) that were ``found`` (n, at), the sample's own not counted.

    >>> recall_of(np.array([0]), np.array([[0, 1, 5]]), np.array([[0, 1, 2]]))
    0.5
    """
    truth, found = _without_self(sample, truth), _without_self(sample, found)
    if not truth.size:
        return 1.0
    return float((truth[:, :, None] == found[:, None, :]).any(axis=2).mean())


def recall_against(master: Master, blocks: Iterable[tuple[HostArray, HostArray]]) -> float:
    """The recall at 10 of a master's search against comparing all of ``blocks``, (rows, vectors), with a sample."""
    if not len(master):
        return 1.0
    sample, at = sample_of(master), min(AT + 1, len(master))
    queries = master.vectors(sample)
    truth = nearest_of_blocks(blocks, queries, at, master.metric)
    return recall_of(sample, master.search(queries, at, None)[1], truth)


def _without_self(sample: HostArray, rows: HostArray) -> HostArray:
    """Each line without the row itself; where that is not among them (its twins came first), without the last."""
    order = np.argsort(rows == sample[:, None], axis=1, kind="stable")
    return np.asarray(np.take_along_axis(rows, order, 1)[:, :-1])
