"""Whether the relation of two images' contrasts suits a measure of similarity."""

from __future__ import annotations

import numpy as np

from scanmill.algorithms.registration.resample import resample
from scanmill.arrays import Array, HostArray, xp_of
from scanmill.data import Volume
from scanmill.data.transforms import Affine
from scanmill.errors import SpecError

SIGNED = ("ssd", "ncc", "lncc")
"""Measures for which bright must be bright."""
LEAST_AGREEMENT = 0.3
"""Of `agreement`; measured on aligned brains: about 0.8 for one contrast seen twice, below 0 for an inverted one."""


def agreement(fixed: Volume, moving: Volume, affine: HostArray) -> float:
    """How far bright to dark runs the same way in two images that lie roughly on each other, from -1 to 1.

    The correlation of their gradients, sum grad f . grad m / sqrt(sum |grad f|^2 sum |grad m|^2), over the voxels of
    ``fixed`` whose neighbours all lie in ``moving`` under the 4x4 matrix ``affine`` (fixed to moving points). Only
    edges count, so that a bias field, or the air around a head, says nothing.

    >>> from scanmill.geometry import VolumeGeometry
    >>> image = Volume(np.random.default_rng(1).random((8, 8, 8), np.float32), VolumeGeometry((8, 8, 8)))
    >>> round(agreement(image, image.with_array(1 - image.array), np.eye(4)), 6)
    -1.0
    """
    xp = xp_of(fixed.array)
    seen = resample(_real(moving), fixed.geometry, Affine.from_affine(affine), outside=float("nan")).array
    across = together = theirs = 0.0
    for axis in (a for a in range(3) if fixed.geometry.shape[a] > 2):
        ours, other = (_central(array, axis) for array in (_real(fixed).array, seen))
        valid = xp.isfinite(other)
        f, m = (xp.where(valid, part, 0).astype(np.float64) for part in (ours, other))
        step = fixed.geometry.spacing[2 - axis]
        across, together, theirs = (
            total + float((a * b).sum()) / step**2 for total, a, b in ((across, f, m), (together, f, f), (theirs, m, m))
        )
    return across / float(np.sqrt(max(together * theirs, 1e-300)))


def check_contrast(metric: str, found: float) -> None:
    """SpecError for a signed metric where contrasts do not agree."""
    if metric in SIGNED and found < LEAST_AGREEMENT:
        raise SpecError(
            f"{metric} asks for images of one contrast",
            expected=f"gradients that agree by {LEAST_AGREEMENT} or more",
            got=round(found, 3),
            do="take nmi, mi or mind",
        )


def _real(image: Volume) -> Volume:
    return image.with_array(image.array.astype(np.float32, copy=False))


def _central(array: Array, axis: int) -> Array:
    rows = xp_of(array).moveaxis(array, axis, 0)
    return rows[2:] - rows[:-2]
