"""What `fuse` and `fuse.quality` read: images of one grid, brought into one range of values where that is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from scanmill.algorithms.fusion import unit_ranges
from scanmill.arrays import Array, to_device
from scanmill.data import Volume
from scanmill.errors import InputError
from scanmill.steps.expected import expect_many, require_finite

Ranges = Literal["each", "common"]
RANGES_MEANING = (
    "each: every image's 0.5 and 99.5 percentiles become 0 and 1 first, for modalities whose numbers have nothing in "
    "common; common: the numbers are compared as they are"
)


def sources_of(inputs: Mapping[str, Any]) -> tuple[Volume, ...]:
    """The images at ``fixed``, then those at ``moving``: two or more, finite, all on the grid of the first.

    Raises InputError where one is missing, 2D meets 3D, or an image lies elsewhere.
    """
    images = expect_many(inputs, "fixed", Volume)
    if "moving" in inputs:
        images += expect_many(inputs, "moving", Volume)
    if len(images) < 2:
        raise InputError("a fusion needs images", where="fixed and moving", expected="two or more", got=len(images))
    for number, image in enumerate(images):
        require_on_grid(image, images[0], f"image {number}")
    return images


def require_on_grid(image: Volume, first: Volume, where: str) -> None:
    """Refuse NaN, infinity and another grid."""
    ours, theirs = first.geometry, image.geometry
    if not ours.is_close(theirs, tolerance_mm=min(ours.spacing) / 100):
        raise InputError(
            "the images lie on different grids", where=where, expected=(ours.shape, ours.spacing, ours.origin),
            got=(theirs.shape, theirs.spacing, theirs.origin), do="bring them together with register.apply",
        )  # fmt: skip
    require_finite(image, where)


def on_device(images: Sequence[Volume], device: str, ranges: Ranges) -> list[Array]:
    """The images' voxels as float32 on ``device``, in the ranges asked for."""
    arrays = [to_device(image.array, device).astype(np.float32, copy=False) for image in images]
    return unit_ranges(arrays) if ranges == "each" else arrays


def common_unit(images: Sequence[Volume], ranges: Ranges) -> str:
    """The unit of all images, or none."""
    units = {image.unit for image in images}
    return units.pop() if ranges == "common" and len(units) == 1 else ""
