"""Golden-angle radial sparse parallel imaging (GRASP): frames of any length from one continuous scan."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from scanmill.algorithms.reconstruction.iteration import Callback
from scanmill.algorithms.reconstruction.mr.images import ITEM_AXIS, check_images
from scanmill.algorithms.reconstruction.mr.primal_dual import primal_dual
from scanmill.algorithms.reconstruction.sparsity import TotalVariation
from scanmill.arrays import Array, HostArray
from scanmill.errors import InputError
from scanmill.operators import LinearOperator


def grasp(
    op: LinearOperator,
    y: Array,
    *,
    weight: float,
    n_iterations: int = 60,
    balance: float = 0.1,
    norm: float | None = None,
    seed: int = 0,
    x0: Array | None = None,
    residual_tolerance: float = 0.0,
    change_tolerance: float = 0.0,
    callback: Callback | None = None,
) -> Array:
    """argmin ½ ‖A x - y‖² + α Σ |x(t + 1) - x(t)| for frames x (frame, set, z, y, x), α = ``weight``.

    Feng et al., Magn. Reson. Med. 72 (2014) 707, eq. 1: A holds the coils, the transform at every frame's own spokes
    and, as there, the root of a density compensation (``sense_op(..., points, weights)``; y times that root). Their
    nonlinear conjugate gradients round the sum off; `primal_dual` does not. Knobs and errors as there. The spokes of
    a scan are made into frames by `in_frames`.
    """
    check_images(op)
    return primal_dual(
        op,
        y,
        TotalVariation(op, axes=[ITEM_AXIS]),
        weight=weight,
        n_iterations=n_iterations,
        balance=balance,
        norm=norm,
        seed=seed,
        x0=x0,
        residual_tolerance=residual_tolerance,
        change_tolerance=change_tolerance,
        callback=callback,
    )


def in_frames(y: Array, points: npt.ArrayLike, spokes_per_frame: int) -> tuple[Array, HostArray]:
    """Spokes in acquisition order as frames: data (frame, coil, shot, sample), points (frame, shot, sample,
    d), from data (coil, shot, sample) and points (shot, sample, d).

    What is left of the last spokes after the last full frame is left out. Fibonacci numbers of golden-angle spokes
    cover the plane most evenly (Winkelmann et al., IEEE Trans. Med. Imaging 26 (2007) 68). InputError where there
    is not one frame.

    >>> y, points = in_frames(np.zeros((2, 7, 4), np.complex64), np.zeros((7, 4, 2)), 3)
    >>> y.shape, points.shape
    ((2, 2, 3, 4), (2, 3, 4, 2))
    """
    k = np.asarray(points, dtype=np.float64)
    if y.ndim != 3 or k.ndim != 3 or y.shape[1:] != k.shape[:2]:
        raise InputError(
            "spokes and points do not fit", expected="(coil, shot, sample), (shot, sample, d)", got=y.shape
        )
    n_coils, n_shots, n_samples = y.shape
    if not 1 <= spokes_per_frame <= n_shots:
        raise InputError("the scan does not hold a frame", expected=f"1 to {n_shots} spokes", got=spokes_per_frame)
    n_frames = n_shots // spokes_per_frame
    used = n_frames * spokes_per_frame
    frames = y[:, :used].reshape(n_coils, n_frames, spokes_per_frame, n_samples).swapaxes(0, 1)
    return frames, k[:used].reshape(n_frames, spokes_per_frame, n_samples, -1)
