"""What can be fused: images of one grid, finite, with contrast."""

from __future__ import annotations

from collections.abc import Sequence

from scanmill.arrays import Array, xp_of
from scanmill.errors import InputError


def stacked(images: Sequence[Array]) -> Array:
    """The images (z, y, x) or (y, x) as one array (n, ...), float32, or float64 where one of them is.

    Raises InputError for fewer than two images, for other shapes (2D with 3D), complex numbers, NaN or Inf, and for an
    image of one value.
    """
    if len(images) < 2:
        raise InputError("a fusion needs images", expected="two or more", got=len(images))
    for number, image in enumerate(images):
        _check(image, f"image {number}", images[0])
    xp = xp_of(images[0])
    real = xp.result_type(xp.float32, *(image.dtype for image in images if image.dtype.kind == "f"))
    return xp.stack([xp.asarray(image, dtype=real) for image in images])


def _check(image: Array, where: str, first: Array) -> None:
    if image.shape != first.shape:
        raise InputError(
            "the images lie on different grids", where=where, expected=first.shape, got=image.shape,
            do="resample them to one grid (register.apply)",
        )  # fmt: skip
    if image.dtype.kind not in "biuf":
        raise InputError("a fusion takes real images", where=where, got=image.dtype)
    if not bool(xp_of(image).isfinite(image).all()):
        raise InputError("the values must be finite", where=where, expected="no NaN or Inf")
    if image.size == 0 or float(image.max()) == float(image.min()):
        raise InputError("the image has one value, so it adds nothing to a fusion", where=where)
