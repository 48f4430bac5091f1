"""How much of k-space each sample stands for, for any trajectory: the iteration of Pipe and Menon."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from scanmill.arrays import HostArray
from scanmill.errors import ConvergenceError, InputError, SpecError
from scanmill.operators.nufft import NufftOp


def density_compensation(
    points: npt.ArrayLike,
    image_shape: tuple[int, int, int],
    *,
    n_iterations: int = 10,
    tolerance: float = 0.01,
    eps: float = 1e-3,
) -> HostArray:
    """The weights (shot, sample) of ``points`` (shot, sample, d), as the volumes of k-space that samples stand for.

        w ← w / (C w),   (C w)(k_i) = Σ over j of w_j c(k_i - k_j),   c(k) = Π over axes of sinc²(k)

    Pipe & Menon, Magn. Reson. Med. 41 (1999) 179, eq. 9. The kernel c is the transform of the field of view's
    autocorrelation, which is all that an image of ``image_shape`` (z, y, x) can tell of the sampling; it is never
    negative. C is done by two NUFFTs to ``eps`` on twice the field of view. It ends after ``n_iterations``, or once
    C w is 1 to the root-mean-square ``tolerance``; many more iterations fit the gaps between uneven samples.

    The unit is (cycles per field of view)^d, as of `points`: a full Cartesian grid has weights of 1, and Fᴴ W y has the
    scale of the image. Weights depend on no data: rows with the same trajectory share them. Raises InputError as
    `NufftOp`, ConvergenceError where a sample has no density.

    >>> grid = np.stack(np.meshgrid(np.arange(-4, 4), np.arange(-4, 4)), axis=-1)
    >>> density_compensation(grid, (1, 8, 8), n_iterations=5)[3:5, 3:5].round(1).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    if n_iterations < 1 or tolerance < 0:
        raise SpecError("the iteration needs a step, and a tolerance of 0 or more", got=(n_iterations, tolerance))
    k = np.asarray(points, dtype=np.float64)
    if k.ndim != 3 or k.shape[-1] not in (2, 3):
        raise InputError("a trajectory of another shape", expected="(shot, sample, 2 or 3)", got=k.shape)
    lags = [2 * n - 1 for n in image_shape]
    stretched = k * (np.array(lags) / np.array(image_shape))[::-1][: k.shape[-1]]
    transform = NufftOp(stretched, (1, 1, *lags), eps=eps)
    overlap = np.ones((1, 1, 1))
    for axis, n in enumerate(image_shape):
        overlap = overlap * (1 - abs(np.arange(1 - n, n)) / n).reshape(-1, *[1] * (2 - axis))
    overlap *= np.prod(lags) / np.prod(image_shape)
    w = np.ones((1, 1, *k.shape[:2]))
    for iteration in range(1, n_iterations + 1):
        density = transform(overlap * transform.H(w)).real.astype(np.float64)
        if not (density > 0).all():
            raise ConvergenceError(
                "a sample without density", where=f"iteration {iteration}", got=float(density.min()), do="lower eps"
            )
        w = w / density
        if np.sqrt(np.mean((density - 1) ** 2)) <= tolerance:
            break
    return np.asarray(w[0, 0])
