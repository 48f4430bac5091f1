"""Plans of the NUFFT libraries, kept in the process and shared by all that is sampled along the same trajectory."""

from __future__ import annotations

import importlib
import math
from typing import Any

import numpy as np

from scanmill.arrays import Array, HostArray, to_device, use_device
from scanmill.errors import ResourceError
from scanmill.operators.bounded_cache import BoundedCache, digest_of
from scanmill.operators.lender import Lender
from scanmill.operators.linear import Shape

UPSAMPLING = 2.0
"""At most so many times finer than the image is the grid of a plan, along each axis."""


class HostPlan:
    """One image at a time by finufft on one core; several plans make use of several cores.

    So nothing is added up in an order that the threads choose, which finufft's own threads do where they spread one
    image: results are the same to the bit from run to run, and for any number of threads.
    """

    def __init__(self, points: HostArray, shape: Shape, eps: float, dtype: np.dtype[Any]) -> None:
        finufft = importlib.import_module("finufft")
        self._plan = finufft.Plan(2, shape, 1, eps, -1, dtype.name, nthreads=1, showwarn=0)
        self._plan.setpts(*_radians(points, shape, dtype))

    def forward(self, image: Array, samples: Array) -> None:
        """The samples (1, sample) of an ``image`` (1, [z,] y, x), unscaled."""
        self._plan.execute(image[0], samples[0])

    def adjoint(self, samples: Array, image: Array) -> None:
        """The adjoint of `forward`."""
        self._plan.execute_adjoint(samples[0], image[0])


class DevicePlan:
    """Several images at once by cufinufft, on one GPU.

    Its spreading adds with atomics, in an order that no setting fixes: results differ in the last bits from run to run.
    """

    def __init__(
        self, points: HostArray, shape: Shape, eps: float, dtype: np.dtype[Any], device: str, n_images: int
    ) -> None:
        try:
            cufinufft = importlib.import_module("cufinufft")
        except ImportError as error:
            raise ResourceError("no NUFFT on a GPU here", got=device, do="pip install 'scanmill[gpu]'") from error
        with use_device(device):
            radians = [to_device(axis, device) for axis in _radians(points, shape, dtype)]
            ways = ((2, -1), (1, 1))
            self._plans = [cufinufft.Plan(kind, shape, n_images, eps, sign, dtype.name) for kind, sign in ways]
            for plan in self._plans:
                plan.setpts(*radians)

    def forward(self, images: Array, samples: Array) -> None:
        """The samples (image, sample) of ``images`` (image, [z,] y, x), unscaled."""
        self._plans[0].execute(images, out=samples)

    def adjoint(self, samples: Array, images: Array) -> None:
        """The adjoint of `forward`."""
        self._plans[1].execute(samples, out=images)


def plan_of(
    points: HostArray, shape: Shape, eps: float, dtype: np.dtype[Any], device: str = "cpu", n_images: int = 1
) -> Plan:
    """A plan for images ([z,] y, x) of ``shape`` at ``points`` (sample, d) in cycles per field of view."""
    if device == "cpu":
        return HostPlan(points, shape, eps, dtype)
    return DevicePlan(points, shape, eps, dtype, device, n_images)


def _radians(points: HostArray, shape: Shape, dtype: np.dtype[Any]) -> list[HostArray]:
    """2 pi k / N of ``points`` (sample, d), axis by axis in array order."""
    real = np.finfo(dtype).dtype
    return [np.ascontiguousarray(axis, dtype=real) for axis in (points[:, ::-1] * (2 * np.pi / np.array(shape))).T]


Plan = HostPlan | DevicePlan


PLANS: BoundedCache[Lender[Plan]] = BoundedCache(2**30)
"""All plans of this process, as many alike as there are threads that use them at once."""


def plans_of(
    points: HostArray, shape: Shape, eps: float, dtype: np.dtype[Any], *, device: str = "cpu", n_images: int = 1
) -> Lender[Plan]:
    """The shared plans for images at ``points``, as of `plan_of`; made where they are not here.

    On a GPU they take ``n_images`` at once, on a CPU each takes one.
    """

    n_images = 1 if device == "cpu" else n_images
    key = (digest_of(points), shape, eps, dtype, device, n_images)
    n_bytes = math.prod(math.ceil(UPSAMPLING * n) for n in shape) * dtype.itemsize + 3 * points.nbytes
    return PLANS.get(key, lambda: Lender(lambda: plan_of(points, *key[1:])), n_images * n_bytes)
