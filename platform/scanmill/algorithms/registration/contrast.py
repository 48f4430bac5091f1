"""Whether the relation of two images' contrasts suits a measure of similarity."""

from __future__ import annotations

import numpy as np

from scanmill.algorithms.registration.levels import scaled
from scanmill.algorithms.registration.resample import resample
from scanmill.arrays import Array, HostArray, ndimage_of, xp_of
from scanmill.data import Volume
from scanmill.data.transforms import Affine
from scanmill.errors import SpecError

SIGNED = ("ssd", "ncc", "lncc")
"""Measures for which bright must be bright."""
LEAST_AGREEMENT = 0.3
"""Of `agreement`; measured on aligned brains of 4 mm: 0.86 for one contrast with a bias, -0.73 for an inverted one."""
BODY = 0.2
"""Values above this part of the range belong to the body."""
FEW = 100
"""Voxels: fewer of the body in both images say nothing."""


def agreement(fixed: Volume, moving: Volume, affine: HostArray) -> float:
    """How far bright in one image is bright in the other, -1 to 1, where the two lie roughly on each other.

    It is the correlation over the body's inside in both, without its rim: the air around a head is dark in nearly
    every image, and would hide that the head's contrast is inverted. ``affine`` is the 4x4 matrix from fixed to moving
    points.

    >>> from scanmill.geometry import VolumeGeometry
    >>> image = Volume(np.random.default_rng(1).random((8, 8, 8), np.float32), VolumeGeometry((8, 8, 8)))
    >>> round(agreement(image, image.with_array(1 - image.array), np.eye(4)), 6)
    -1.0
    """
    xp = xp_of(fixed.array)
    theirs = moving.with_array(scaled(moving.array.astype(np.float32), 1.0))
    f = scaled(fixed.array.astype(np.float32), 1.0)
    m = resample(theirs, fixed.geometry, Affine.from_affine(affine), outside=float("nan")).array
    inside = _without_rim((f > BODY) & (m > BODY))
    if int(inside.sum()) < FEW:
        inside = xp.isfinite(m)
    f, m = (part[inside].astype(np.float64) for part in (f, m))
    f, m = f - f.mean(), m - m.mean()
    return float((f * m).sum() / xp.sqrt(xp.maximum((f * f).sum() * (m * m).sum(), 1e-300)))


def check_contrast(metric: str, found: float) -> None:
    """SpecError for a signed metric where contrasts do not agree."""
    if metric in SIGNED and found < LEAST_AGREEMENT:
        raise SpecError(
            f"{metric} asks for images of one contrast",
            expected=f"a correlation within the body of at least {LEAST_AGREEMENT}",
            got=round(found, 3),
            do="take nmi, mi or mind",
        )


def _without_rim(inside: Array) -> Array:
    """Eroded by one voxel, in a plane along its two axes."""
    around = np.zeros((3, 3, 3), bool)
    around[1, 1, :] = around[1, :, 1] = True
    around[:, 1, 1] |= inside.shape[0] > 1
    return ndimage_of(inside).binary_erosion(inside, xp_of(inside).asarray(around))
