"""FAISS as an index uses it: imported when it is needed, with its numbers, its filters and our rule for products."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import ResourceError

PRODUCTS_FROM = 1024
"""Numbers in a batch of queries, for each thread, from which FAISS compares by matrix products."""
FAISS_FROM = 128_000
"""FAISS 1.15's own rule: so many numbers, whatever the threads."""


@lru_cache(maxsize=1)
def faiss_module() -> Any:
    """FAISS, imported when it is needed and told when to multiply matrices; ResourceError where it is not installed.

    FAISS 1.15 compares queries one by one up to 128,000 numbers in a batch, which was measured on many cores; on few,
    matrix products are up to 17 times faster (https://github.com/facebookresearch/faiss/pull/5109). Before, the same
    setting counted queries (20 of them), and is left alone.
    """
    try:
        import faiss
    except ImportError as error:
        raise ResourceError("FAISS is not installed", do="pip install 'scanmill[cpu]'") from error
    if faiss.cvar.distance_compute_blas_threshold == FAISS_FROM:
        faiss.cvar.distance_compute_blas_threshold = min(FAISS_FROM, PRODUCTS_FROM * faiss.omp_get_max_threads())
    return faiss


def faiss_metric(metric: str) -> int:
    """FAISS's number for "cosine" or "l2"."""
    faiss = faiss_module()
    return int(faiss.METRIC_INNER_PRODUCT if metric == "cosine" else faiss.METRIC_L2)


def bitmap(rows: HostArray, n: int) -> HostArray:
    """One bit for each of n ids, set for ``rows``, as FAISS's selectors have it."""
    mask = np.zeros(n, dtype=bool)
    mask[rows] = True
    return np.packbits(mask, bitorder="little")
