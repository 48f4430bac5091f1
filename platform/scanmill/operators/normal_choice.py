"""Whether the normal operator of a trajectory is better done on the doubled grid or through the samples: measured."""

from __future__ import annotations

import math
import time

import numpy as np

from scanmill.arrays import Array, to_device, to_host
from scanmill.operators.convolution import ConvolutionOp
from scanmill.operators.linear import LinearOperator
from scanmill.operators.nufft import NufftOp
from scanmill.operators.toeplitz import grid_of

MARGIN = 1.5
"""The direct way must be so many times faster to be taken: a close race would be decided by the noise of the clock."""

CLEARLY = 4.0
"""Where its first run takes so many times longer, the direct way is not run again."""

FINER_GRID = 2.0
"""The kernel's own plan has at most so many times finer a grid, along each axis."""

CHOICES: dict[object, bool] = {}
"""What was found in this process, by sizes, accuracy, device and number of threads."""


def toeplitz_is_faster(nufft: NufftOp, *, budget_bytes: int | None = None) -> bool:
    """Whether a `ToeplitzOp` is faster than ``nufft.gram`` here, and keeps within ``budget_bytes``.

    Both run on an image for each thread, once for each number of voxels, samples and threads; the answer is remembered.
    Ask for one of them by name where the last bits must not depend on the clock.
    """
    from scanmill.kernels.pieces import n_threads

    if budget_bytes is not None and toeplitz_bytes(nufft) > budget_bytes:
        return False
    image, samples = nufft.in_shape[2:], nufft.points.shape[1:]
    shape = (1, min(nufft.in_shape[1], n_threads()), *image)
    key = shape, samples, nufft.eps, nufft.dtype, nufft.device, n_threads()
    if key not in CHOICES:
        direct = NufftOp(nufft.points[0], shape, eps=nufft.eps, dtype=nufft.dtype, device=nufft.device)
        x = to_device(np.random.default_rng(0).standard_normal(shape).astype(nufft.dtype), nufft.device)
        grid = to_device(np.ones((1, *grid_of(image)), np.float32), nufft.device)
        doubled = _seconds(ConvolutionOp(grid, shape, dtype=nufft.dtype), x)
        CHOICES[key] = doubled <= MARGIN * _seconds(direct.gram, x, enough=CLEARLY * doubled)
    return CHOICES[key]


def toeplitz_bytes(nufft: NufftOp) -> int:
    """What the Toeplitz way takes at its peak: while the kernel is made, in double precision on a finer grid still.

    >>> toeplitz_bytes(NufftOp(np.zeros((1, 1, 2)), (1, 1, 1, 8, 8))) // 2**10
    21
    """
    n_dims = nufft.points.shape[-1]
    lags = [2 * n - 1 for n in nufft.in_shape[-n_dims:]]
    finer = math.prod(math.ceil(FINER_GRID * n) for n in lags)
    return 16 * (finer + 2 * math.prod(lags)) + 16 * math.prod(nufft.points.shape[1:])


def _seconds(op: LinearOperator, x: Array, enough: float = math.inf) -> float:
    """The second run, which finds plans, threads and scratch ready; the first where that takes ``enough`` or more."""
    for _ in range(2):
        start = time.perf_counter()
        to_host(op(x).ravel()[:1])
        if (seconds := time.perf_counter() - start) >= enough:
            break
    return seconds
