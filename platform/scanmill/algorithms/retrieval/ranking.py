"""The order in which images answer a query."""

from __future__ import annotations

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError


def ranked(likeness: HostArray, may_answer: HostArray) -> HostArray:
    """The numbers of the images that may answer, the most alike first; of equals the one that comes first.

    ``likeness`` (n,) grows with likeness, ``may_answer`` (n,) is bool. Raises InputError where a likeness is NaN: it
    has no place in an order.

    >>> ranked(np.array([0.2, 0.9, 0.5, 0.9]), np.array([True, True, False, True])).tolist()
    [1, 3, 0]
    """
    candidates = np.flatnonzero(may_answer)
    values = np.asarray(likeness)[candidates]
    if np.isnan(values).any():
        raise InputError("a likeness is not a number", got=f"{int(np.isnan(values).sum())} of {len(values)}")
    return np.asarray(candidates[np.argsort(-values, kind="stable")])
