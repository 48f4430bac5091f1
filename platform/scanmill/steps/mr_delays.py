"""Late gradients of a radial scan: given, or estimated from spokes that cross."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from scanmill.arrays import HostArray
from scanmill.data import KSpace
from scanmill.errors import InputError
from scanmill.steps.mr_frames import join

Delays = Literal["none", "ring"] | tuple[float, ...]


def corrected(scan: KSpace, delays: Delays) -> tuple[KSpace, dict[str, float]]:
    """The scan along the trajectory that late gradients made, and delay_x, delay_y, delay_xy in samples.

    ``ring`` estimates them from the middle slice and all frames by `gradient_delays`."""
    if delays == "none":
        return scan, {}
    if scan.trajectory is None:
        raise InputError("gradient delays are of a trajectory", where="scan", got="samples on a grid")
    matrix = _estimated(scan) if isinstance(delays, str) else _matrix(delays, scan.trajectory.n_dims)
    names = "xyz"[: len(matrix)]
    metrics = {f"delay_{name}": float(matrix[axis, axis]) for axis, name in enumerate(names)}
    metrics["delay_xy"] = float(matrix[0, 1])
    return replace(scan, trajectory=scan.trajectory.delayed(matrix)), metrics


def _estimated(scan: KSpace) -> HostArray:
    from scanmill.algorithms.calibration.gradient_delays import gradient_delays

    joined = join(scan)
    assert joined.trajectory is not None
    if joined.trajectory.n_dims != 2:
        raise InputError("ring is for spokes in a plane", where="scan", got="a trajectory in three dimensions",
                         do="give the delays")  # fmt: skip
    number = joined.n_slices // 2
    points = joined.trajectory.points[0, number if joined.trajectory.shape[1] > 1 else 0]
    return np.asarray(gradient_delays(joined.array[0, number], points))


def _matrix(delays: Sequence[float], n_dims: int) -> HostArray:
    """(x, y), (x, y, xy) of a plane, (x, y, z) of space, as the symmetric matrix of `Trajectory.delayed`."""
    if n_dims == 3 and len(delays) != 3:
        raise InputError("delays of a trajectory in space are three", where="scan", expected="(x, y, z)", got=delays)
    matrix = np.diag(np.asarray(delays[:n_dims], dtype=np.float64))
    if n_dims == 2 and len(delays) == 3:
        matrix[0, 1] = matrix[1, 0] = delays[2]
    return matrix
