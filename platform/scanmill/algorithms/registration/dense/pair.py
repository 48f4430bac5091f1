"""Two images that a deformable registration can begin with."""

from __future__ import annotations

import numpy as np

from scanmill.arrays import Array, xp_of
from scanmill.data import Labels, Volume
from scanmill.errors import InputError

SMALLEST = 4
"""Voxels along an axis, unless it has one."""


def check_pair(fixed: Volume, moving: Volume, mask: Labels | None) -> None:
    """`InputError` for what cannot be registered: not finite, constant, too small, 2D with 3D, a mask elsewhere."""
    for name, image in (("fixed", fixed), ("moving", moving)):
        _check_image(name, image.array)
    flat = [image.geometry.shape[0] == 1 for image in (fixed, moving)]
    if flat[0] != flat[1]:
        raise InputError("one image is a plane, the other a volume", got=(fixed.geometry.shape, moving.geometry.shape))
    if mask is not None:
        if not mask.geometry.is_close(fixed.geometry):
            raise InputError("the mask lies on another grid", expected=fixed.geometry.shape, got=mask.geometry.shape)
        if not bool((mask.array != 0).any()):
            raise InputError("the mask is empty")


def _check_image(name: str, array: Array) -> None:
    if array.dtype.kind not in "iubf":
        raise InputError(f"the {name} image needs real numbers", got=str(array.dtype))
    if min(array.shape[1:]) < SMALLEST or 1 < array.shape[0] < SMALLEST:
        raise InputError(f"the {name} image is too small", expected=f"{SMALLEST} voxels an axis", got=array.shape)
    n_bad = int((~xp_of(array).isfinite(array)).sum())
    if n_bad:
        raise InputError(f"the {name} image is not finite", got=f"{n_bad} voxels", do="fill them first")
    if float(array.max()) == float(array.min()) or float(np.float32(array.std())) == 0.0:
        raise InputError(f"the {name} image is constant", got=float(array.flat[0]))
