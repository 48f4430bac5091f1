"""The units in which files keep trajectories, turned into cycles per field of view."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError

Unit = Literal[
    "cycles_per_fov", "half_cycles_per_fov", "cycles_per_pixel", "radians_per_pixel", "1/mm", "1/m", "grid_index"
]
UNITS: tuple[str, ...] = get_args(Unit)
"""``cycles_per_fov`` is BART's and SigPy's, ``half_cycles_per_fov`` is 1 / (2 FOV) of a twofold oversampled readout,
``cycles_per_pixel`` reaches from -0.5 to 0.5, ``grid_index`` has the zero frequency at n // 2."""
GUESSED = ("cycles_per_pixel", "radians_per_pixel", "cycles_per_fov")
REACH = (0.7, 1.02)
"""Which part of N / 2 a trajectory must reach for its unit to be told from its size."""


def to_cycles_per_fov(points: HostArray, unit: str, matrix: Sequence[int], fov_mm: Sequence[float]) -> HostArray:
    """Points (..., d) in ``unit`` as cycles per field of view, float64; ``matrix`` and ``fov_mm`` in point order.

    >>> to_cycles_per_fov(np.array([0.25, -0.5]), "cycles_per_pixel", (64, 32), (1, 1)).tolist()
    [16.0, -16.0]
    """
    if unit not in UNITS:
        raise InputError("unknown unit of a trajectory", expected=", ".join(UNITS), got=unit)
    k = np.asarray(points, dtype=np.float64)
    n = np.array(matrix[: k.shape[-1]], dtype=np.float64)
    if unit == "grid_index":
        return k - n // 2
    fov = np.array(fov_mm[: k.shape[-1]], dtype=np.float64)
    factors = {
        "cycles_per_fov": np.ones_like(n),
        "half_cycles_per_fov": np.full_like(n, 0.5),
        "cycles_per_pixel": n,
        "radians_per_pixel": n / (2 * np.pi),
        "1/mm": fov,
        "1/m": fov / 1000,
    }
    return np.asarray(k * factors[unit])


def guessed_unit(points: HostArray, matrix: Sequence[int], *, where: str) -> str:
    """The unit by which points (..., d) reach to about the edge of k-space; InputError where none or several do.

    ISMRMRD does not say in which unit its trajectories are.
    """
    fitting = []
    for unit in GUESSED:
        k = np.abs(to_cycles_per_fov(points, unit, matrix, (1.0, 1.0, 1.0))).reshape(-1, points.shape[-1])
        reach = (k.max(axis=0) / (np.array(matrix[: points.shape[-1]]) / 2)).max()
        if REACH[0] <= reach <= REACH[1]:
            fitting.append(unit)
    if len(fitting) != 1:
        raise InputError(
            "the unit of the trajectory cannot be told from its size",
            where=where,
            got=f"points up to {float(np.abs(points).max()):.4g} for a matrix of {list(matrix)}",
            do=f"give trajectory_unit: {', '.join(UNITS)}",
        )
    return fitting[0]
