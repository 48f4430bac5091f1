"""What every registration asks of its two images before it starts."""

from __future__ import annotations

import numpy as np

from scanmill.arrays import HostArray, device_of, xp_of
from scanmill.data import Labels, Volume
from scanmill.errors import InputError, SpecError
from scanmill.geometry import VolumeGeometry


def check_pair(
    fixed: Volume, moving: Volume, fixed_mask: Labels | None = None, moving_mask: Labels | None = None
) -> None:
    """InputError for images that no registration can compare, SpecError for images on two devices."""
    for name, image, mask in (("the fixed image", fixed, fixed_mask), ("the moving image", moving, moving_mask)):
        _check_image(name, image)
        if mask is not None:
            _check_mask(name, image, mask)
    planes = [image.geometry.shape[0] for image in (fixed, moving)]
    if (planes[0] == 1) != (planes[1] == 1):
        raise InputError("a plane and a volume cannot be registered", got=f"{planes[0]} and {planes[1]} planes")
    devices = [device_of(image.array) for image in (fixed, moving)]
    if devices[0] != devices[1]:
        raise SpecError("two images to register must lie on one device", got=devices)


def _check_image(name: str, image: Volume) -> None:
    xp = xp_of(image.array)
    if image.array.dtype.kind not in "iubf":
        raise InputError(f"{name} needs real numbers", got=image.array.dtype, do="take its magnitude")
    if min(image.geometry.shape[1:]) < 4:
        raise InputError(f"{name} is too small to register", expected="4 x 4 voxels", got=image.geometry.shape)
    if image.array.dtype.kind == "f" and not bool(xp.isfinite(image.array).all()):
        raise InputError(f"{name} has values that are not finite", do="fill them, and mask them out")
    if bool(image.array.min() == image.array.max()):
        raise InputError(f"{name} is constant", got=float(image.array.min()))


def _check_mask(name: str, image: Volume, mask: Labels) -> None:
    if not mask.geometry.is_close(image.geometry):
        raise InputError(
            f"the mask of {name} lies on another grid", expected=image.geometry.shape, got=mask.geometry.shape
        )
    if not bool((mask.array != 0).any()):
        raise InputError(f"the mask of {name} is empty")


def middle_of(grid: VolumeGeometry) -> HostArray:
    """The centre of a grid in LPS mm."""
    return np.asarray(grid.to_points([(n - 1) / 2 for n in grid.shape[::-1]]))
