"""NumPy's linear algebra on one core, where more would only wait for each other."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import lru_cache

from threadpoolctl import ThreadpoolController


@contextlib.contextmanager
def one_core(condition: bool = True) -> Iterator[None]:
    """BLAS and LAPACK on the core of the caller inside the block, if ``condition``; process-wide.

    For small matrices, and for pieces that share the cores out themselves. OpenBLAS's threads spin while they wait: the
    eigenvectors of a matrix of 288 take 0.02 s on one core, and take seconds on two that others want too. On one core
    results are also the same to the bit whatever the number of threads.

    >>> import numpy as np
    >>> with one_core():
    ...     np.linalg.eigvalsh(np.eye(2)).tolist()
    [1.0, 1.0]
    """
    with _libraries().limit(limits=1 if condition else None, user_api="blas"):
        yield


@lru_cache(maxsize=1)
def _libraries() -> ThreadpoolController:
    """Those that were loaded by the first call, NumPy's among them."""
    return ThreadpoolController()
