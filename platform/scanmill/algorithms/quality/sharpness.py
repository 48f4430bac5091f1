"""How much an image varies from voxel to voxel: spatial frequency and average gradient."""

from __future__ import annotations

import math
from collections.abc import Iterator

from scanmill.arrays import Array, xp_of
from scanmill.errors import InputError


def spatial_frequency(image: Array) -> float:
    """√ Σ over axes of the mean squared difference of neighbours, in the image's unit; axes of one voxel do not count.

    A. M. Eskicioglu, P. S. Fisher, IEEE Trans. Commun. 43 (1995) 2959, with means over the n − 1 differences of an axis
    (they divide by n). A volume has its third axis too.

    >>> import numpy as np
    >>> spatial_frequency(np.array([[0.0, 3.0], [4.0, 3.0]]))  # rows: 3² and 1², columns: 4² and 0²
    3.605551275463989
    """
    return math.sqrt(sum(float((d * d).mean()) for d in _differences(image)))


def average_gradient(image: Array) -> float:
    """The mean of √((dx² + dy²) / 2), in a volume √((dx² + dy² + dz²) / 3), in the image's unit.

    d are differences of neighbours; voxels at the far end of an axis, which have none, are left out.

    Source: G. Cui, H. Feng, Z. Xu, Q. Li, Y. Chen, Opt. Commun. 341 (2015) 199.

    >>> import numpy as np
    >>> average_gradient(np.array([[0.0, 1.0], [7.0, 9.0]]))  # √((1² + 7²) / 2) at the only voxel with both neighbours
    5.0
    """
    near = tuple(slice(0, n - 1) if n > 1 else slice(None) for n in image.shape)
    differences = [d[tuple(slice(0, s.stop) for s in near)] for d in _differences(image)]
    total = sum(d * d for d in differences) / len(differences)
    return float(xp_of(image).sqrt(total).mean())


def _differences(image: Array) -> Iterator[Array]:
    xp = xp_of(image)
    if max(image.shape) < 2:
        raise InputError("neighbours are needed", expected="2 voxels or more along an axis", got=image.shape)
    values = image.astype(xp.float64)
    return (xp.diff(values, axis=axis) for axis, n in enumerate(image.shape) if n > 1)
