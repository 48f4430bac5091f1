"""The sum that defines every sampling of k-space, term by term."""

import numpy as np


def fourier_matrix(points, image_shape):
    """(sample, voxel) with exp(-2 pi i k r / N) / sqrt(voxels), k (..., d) in point order, r from voxel N // 2."""
    points = np.asarray(points, dtype=np.float64).reshape(-1, np.shape(points)[-1])
    phase = np.zeros((len(points), *image_shape))
    for k, (axis, n) in zip(points.T, reversed(list(enumerate(image_shape))), strict=False):
        r = (np.arange(n) - n // 2) / n
        phase += k.reshape(-1, 1, 1, 1) * r.reshape([n if a == axis else 1 for a in range(3)])
    return np.exp(-2j * np.pi * phase).reshape(len(points), -1) / np.sqrt(np.prod(image_shape))
