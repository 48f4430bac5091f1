"""The noise of any reconstruction, voxel by voxel, from many reconstructions of noise that was added."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scanmill.arrays import Array, device_of, to_device, xp_of
from scanmill.errors import SpecError


def pseudo_replica(
    reconstruct: Callable[[Array], Array],
    y: Array,
    *,
    sampling_mask: Array | None = None,
    noise: float = 1.0,
    n_replicas: int = 100,
    seed: int = 0,
) -> Array:
    """The standard deviation of every voxel of ``reconstruct(y + n)`` over replicas of n, per unit of noise.

    Robson et al., Magn. Reson. Med. 60 (2008) 895. n is white complex noise of standard deviation ``noise`` (of its
    modulus) in each sample of y, only where ``sampling_mask`` (broadcasts to y) is True: whiten y before. Of complex
    images |x - mean|² is averaged; give magnitudes where those are wanted (of a strong signal they have half the
    variance). A nonlinear reconstruction needs a measured y and its own noise, a linear one may take y = 0.

    Over that of the fully sampled image and √R this is the g-factor, R = all samples over those acquired. The relative
    error is 1 / (2 √n) of n complex replicas. Replica i has its own seed, whatever their number.
    """
    if n_replicas < 2 or not noise > 0:
        raise SpecError("pseudo-replicas need noise and at least two", got=(noise, n_replicas))
    xp = xp_of(y)
    mean, squares = 0.0, 0.0
    for replica in range(n_replicas):
        rng = np.random.default_rng([seed, replica])
        real, imaginary = rng.standard_normal((2, *y.shape))
        n = to_device((real + 1j * imaginary) * (noise / np.sqrt(2)), device_of(y)).astype(y.dtype)
        image = reconstruct(y + (n if sampling_mask is None else n * sampling_mask))
        before = image - mean
        mean = mean + before / (replica + 1)
        squares = squares + (before * (image - mean).conj()).real
    return xp.sqrt(squares / (n_replicas - 1)) / noise
