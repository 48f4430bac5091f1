"""The Fourier transform at the points of any trajectory (NUFFT), in two and three dimensions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from scanmill.arrays import Array, HostArray, xp_of
from scanmill.errors import InputError, SpecError
from scanmill.operators.lender import Lender
from scanmill.operators.linear import LinearOperator, Shape
from scanmill.operators.nufft_plans import Plan, plans_of

ACCURACY = {"complex64": 1e-4, "complex128": 1e-9}
"""The relative error that is asked of the library unless told otherwise."""
FINEST = {"complex64": 1e-6, "complex128": 1e-14}
"""Finer is beyond the type; for complex64 and images longer than 100 even 1e-5 is, since the points are rounded too."""


class NufftOp(LinearOperator):
    """Images (batch, coil, z, y, x) to samples (batch, coil, shot, sample) at ``points``, in the scale of `FourierOp`.

    y(k) = sum over r of x(r) exp(-2 pi i k r / N) / sqrt(voxels), r counted from voxel N // 2. ``points`` are (shot,
    sample, d) for all of the batch, or (batch or 1, shot, sample, d), in cycles per field of view and point order
    (x, y[, z]); for d = 2 the images have z = 1. ``eps`` is the relative error that is asked of the library
    (`ACCURACY`). ``op.H`` is the exact adjoint whatever ``eps``.

    Images are shared out over the cores one by one; the plans are kept in the process for whoever comes with the same
    points. On a CPU the results are the same to the bit from run to run and for any number of threads; of a GPU the
    library promises that to about ``eps`` only (`nufft_plans`). By finufft (Barnett, Magland & af Klinteberg, SIAM J.
    Sci. Comput. 41 (2019) C479) and cufinufft.

    >>> op = NufftOp(np.array([[[0.0, 0.0], [1.0, 0.0]]]), (1, 1, 1, 4, 4), dtype=np.complex128)
    >>> abs(op(np.ones(op.in_shape)).round(6)).tolist()
    [[[[4.0, 0.0]]]]
    """

    def __init__(
        self,
        points: npt.ArrayLike,
        shape: Shape,
        *,
        eps: float | None = None,
        dtype: Any = np.complex64,
        device: str = "cpu",
    ) -> None:
        self.points = checked_points(points, shape)
        super().__init__(shape, (*shape[:2], *self.points.shape[1:3]), dtype)
        self.eps, self.device = accuracy(eps, self.dtype), device
        self._image_shape = shape[-self.points.shape[-1] :]
        self._scale = self.dtype.type(1 / math.sqrt(math.prod(self._image_shape)))
        self._n_images = 1 if device == "cpu" else shape[1]
        self._plans = [self._plans_of(points) for points in self.points]

    def _plans_of(self, points: HostArray) -> Lender[Plan]:
        flat = np.ascontiguousarray(points.reshape(-1, points.shape[-1]))
        return plans_of(flat, self._image_shape, self.eps, self.dtype, device=self.device, n_images=self._n_images)

    def _apply(self, x: Array) -> Array:
        out = xp_of(x).empty(self.out_shape, self.dtype)
        images, samples = self._pieces(x), self._pieces(out)
        self._share_out(lambda plan, i: plan.forward(images[i], samples[i]), samples)
        return out

    def _adjoint(self, y: Array) -> Array:
        out = xp_of(y).empty(self.in_shape, self.dtype)
        samples, images = self._pieces(y), self._pieces(out)
        self._share_out(lambda plan, i: plan.adjoint(samples[i], images[i]), images)
        return out

    def _pieces(self, array: Array) -> Array:
        """What a plan takes at once: (piece, image, [z,] y, x) of images or (piece, image, sample) of samples."""
        n_samples = math.prod(self.out_shape[2:])
        each = self._image_shape if array.shape == self.in_shape else (n_samples,)
        return xp_of(array).ascontiguousarray(array).reshape(-1, self._n_images, *each)

    def _share_out(self, transform: Callable[[Plan, int], None], results: Array) -> None:
        """Every piece by a plan of its item of the batch, scaled."""
        from scanmill.kernels.pieces import share_out

        per_item = len(results) // self.in_shape[0]

        def work(piece: int) -> None:
            with self._plans[piece // per_item if len(self._plans) > 1 else 0].lease() as plan:
                transform(plan, piece)
            results[piece] *= self._scale

        if self.device == "cpu":
            share_out(work, len(results))
        else:
            for piece in range(len(results)):
                work(piece)


def checked_points(points: npt.ArrayLike, shape: Shape) -> HostArray:
    """The points as float64 (batch or 1, shot, sample, d); InputError where they do not fit images of ``shape``."""
    array = np.asarray(points, dtype=np.float64)
    array = array[None] if array.ndim == 3 else array
    if array.ndim != 4 or array.shape[-1] not in (2, 3) or min(array.shape) < 1:
        expected = "([batch,] shot, sample, 2 or 3)"
        raise InputError("a trajectory of another shape", expected=expected, got=array.shape)
    if len(shape) != 5 or (array.shape[-1] == 2 and shape[2] != 1):
        expected = "(batch, coil, z, y, x), z = 1 for points in a plane"
        raise InputError("images of another shape", expected=expected, got=shape)
    if array.shape[0] not in (1, shape[0]):
        raise InputError("a trajectory for another batch", expected=f"1 or {shape[0]}", got=array.shape[0])
    if not np.isfinite(array).all():
        raise InputError(
            "a trajectory needs finite points", got=f"{np.count_nonzero(~np.isfinite(array))} that are not"
        )
    return array


def accuracy(eps: float | None, dtype: np.dtype[Any]) -> float:
    """``eps``, or what is usual for ``dtype``; SpecError where the type cannot hold it."""
    if dtype.name not in ACCURACY:
        raise SpecError("a NUFFT is complex", expected=" or ".join(ACCURACY), got=dtype.name)
    eps = ACCURACY[dtype.name] if eps is None else eps
    if not FINEST[dtype.name] <= eps < 0.1:
        raise SpecError(f"an accuracy beyond {dtype.name}", expected=f"{FINEST[dtype.name]} to 0.1", got=eps)
    return eps
