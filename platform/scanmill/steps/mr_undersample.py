"""A full scan thinned afterwards, so that what a method makes of few lines can be held against all of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scanmill.arrays import xp_of
from scanmill.data import KSpace
from scanmill.errors import InputError

AXES = {"x": -1, "y": -2, "z": -3}


def undersampled(scan: KSpace, acceleration: float, axis: str, n_calibration: int, seed: int) -> KSpace:
    """Of the lines along ``axis`` the middle ``n_calibration`` and, at random, so many others that one of
    ``acceleration`` is left; the same for all frames and slices. Equal seeds choose equal lines."""
    if not scan.is_cartesian:
        raise InputError("undersample is for samples on a grid", where="scan", got="a trajectory",
                         do="leave out spokes by shots_per_frame")  # fmt: skip
    n = scan.array.shape[AXES[axis]]
    kept = _lines(n, acceleration, n_calibration, seed)
    shape = [1] * 5
    shape[AXES[axis]] = n
    mask = xp_of(scan.array).asarray(kept.reshape(shape))
    return replace(scan, array=scan.array * mask[:, :, None], sampling_mask=scan.sampled() & mask)


def _lines(n: int, acceleration: float, n_calibration: int, seed: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    n_kept = round(n / acceleration)
    if n_kept < n_calibration:
        raise InputError(
            "too few lines are left for the middle ones",
            where="scan",
            expected=f"{n_calibration} or more",
            got=f"{n_kept} of {n}",
            do="lower `acceleration`, or `n_calibration`",
        )
    kept = np.zeros(n, dtype=bool)
    first = n // 2 - n_calibration // 2
    kept[first : first + n_calibration] = True
    others = np.random.default_rng(seed).permutation(np.flatnonzero(~kept))
    kept[others[: n_kept - n_calibration]] = True
    return kept
