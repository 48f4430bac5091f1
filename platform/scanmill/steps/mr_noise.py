"""How strong the noise of k-space is, from what was measured."""

from __future__ import annotations

import numpy as np

from scanmill.arrays import Array, device_of, to_device, xp_of
from scanmill.data import KSpace

OUTERMOST = 0.03
"""The part of the samples, farthest from the middle of k-space, that counts as noise where none was measured apart."""


def noise_std(scan: KSpace) -> float:
    """The standard deviation of the real and of the imaginary part of a sample, all coils alike.

    From the noise scan where there is one, else from the outermost samples of the first frame, which hold a little
    signal too."""
    from scanmill.algorithms.reconstruction.mr.regularisation_weight import noise_level

    if scan.noise is not None:
        return noise_level(scan.noise)
    return noise_level(_outermost(scan))


def _outermost(scan: KSpace) -> Array:
    """Measured samples of the middle slice farthest from the middle of k-space."""
    number = scan.n_slices // 2
    xp = xp_of(scan.array)
    if scan.trajectory is None:
        k = np.meshgrid(*((np.arange(n) - n // 2) / max(n // 2, 1) for n in scan.matrix), indexing="ij")
        radius = np.sqrt(sum(axis**2 for axis in k))
        where = xp.asarray(scan.sampled()[0, number])
        samples = scan.array[0, number][:, where]
        radius = to_device(radius, device_of(where))[where]
    else:
        points = scan.trajectory.points[0, number if scan.trajectory.shape[1] > 1 else 0]
        samples = scan.array[0, number].reshape(scan.n_coils, -1)
        radius = to_device(np.linalg.norm(points, axis=-1).ravel(), device_of(samples))
    n_kept = max(1, int(OUTERMOST * radius.size))
    return samples[:, xp.argsort(radius)[-n_kept:]]
