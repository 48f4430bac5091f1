"""From a file's affine to a grid, if it is one of right angles."""

from __future__ import annotations

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry

SHEAR_TOLERANCE = 1e-4
"""The largest cosine between two axes that still counts as a right angle (0.006 degrees)."""


def grid_of_affine(affine: HostArray, shape: tuple[int, int, int], where: str) -> VolumeGeometry:
    """The grid whose 4x4 ``affine`` maps (x, y, z) index to LPS mm; InputError for a sheared or flat one."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    if not (np.isfinite(affine).all() and spacing.min() > 0):
        raise InputError("the affine is not invertible", where=where, got=affine[:3].tolist())
    direction = affine[:3, :3] / spacing
    cosines = direction.T @ direction - np.eye(3)
    if np.abs(cosines).max() > SHEAR_TOLERANCE:
        angle = np.rad2deg(np.arcsin(min(1.0, float(np.abs(cosines).max()))))
        raise InputError(
            "the affine is sheared", where=where, expected="axes at right angles", got=f"{angle:.3f} degrees off",
            do="resample the image onto a rectangular grid",
        )  # fmt: skip
    return VolumeGeometry(shape, tuple(spacing), tuple(affine[:3, 3]), tuple(map(tuple, direction)))  # type: ignore[arg-type]
