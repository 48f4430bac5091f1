"""An image or a segmentation on another grid, through a transform: one interpolation, however long the chain."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, TypeVar, get_args

import numpy as np

from scanmill.arrays import Array, device_of, ndimage_of, use_device, xp_of
from scanmill.data import Labels, Volume
from scanmill.data.transforms import Transform
from scanmill.errors import InputError, SpecError
from scanmill.geometry import VolumeGeometry
from scanmill.operators.grid_places import places_of, runs_of

Interpolation = Literal["nearest", "label", "linear", "cubic"]
Image = TypeVar("Image", bound=Volume | Labels)


def resample(
    image: Image,
    grid: VolumeGeometry,
    transform: Transform | None = None,
    *,
    interpolation: Interpolation | None = None,
    outside: float = 0.0,
) -> Image:
    """The ``image`` (the moving one) at the voxels of ``grid`` (the fixed one): out(p) = image(transform(p)).

    ``transform`` maps **fixed points to moving ones** in LPS mm; None is the identity. ``linear`` (the default) and
    ``cubic`` (B-splines with their prefilter, mirrored at the edges) give float32, or float64 for float64; ``nearest``
    and ``label`` keep the type. A segmentation takes ``label`` (the default): the label with the largest share of the
    neighbours' linear weights, or ``nearest``. A voxel reaches half its size beyond the outermost centres, as in ITK;
    further out the result is ``outside``. Thin the image out first (a low pass) where the grid is much coarser.

    Raises SpecError for an interpolation that does not suit or an ``outside`` that the type cannot hold, InputError for
    NaN under ``cubic``. Source of the splines: Unser (IEEE Signal Process Mag 16(6):22, 1999).

    >>> row = Volume(np.array([[[0.0, 10.0, 20.0]]], np.float32), VolumeGeometry((1, 1, 3)))
    >>> from scanmill.data.transforms import Translation
    >>> resample(row, row.geometry, Translation((0.75, 0.0, 0.0)), outside=-1.0).array.tolist()
    [[[7.5, 17.5, -1.0]]]
    """
    how = interpolation or ("label" if isinstance(image, Labels) else "linear")
    _check(image, how, outside)
    device = device_of(image.array)
    with use_device(device):
        voxels = _prepared(image.array, how)
        array = _looked_up(voxels, image.geometry, grid, transform, how, outside, device)
    return replace(image, array=array, geometry=grid)


def _check(image: Volume | Labels, how: str, outside: float) -> None:
    possible = ("nearest", "label") if isinstance(image, Labels) else get_args(Interpolation)
    if how not in possible:
        raise SpecError("this interpolation does not suit the image", expected=" or ".join(possible), got=how)
    kind = np.dtype(image.array.dtype)
    if kind.kind not in "iubf":
        raise SpecError("an image to resample needs real numbers", got=kind, do="resample its parts one by one")
    if how in ("nearest", "label") and not _fits(outside, kind):
        raise SpecError("the value outside does not fit the image", expected=f"a number of type {kind}", got=outside)


def _fits(value: float, kind: np.dtype[Any]) -> bool:
    if kind.kind == "f":
        return True
    low, high = (0, 1) if kind.kind == "b" else (np.iinfo(kind).min, np.iinfo(kind).max)
    return float(value).is_integer() and low <= value <= high


def _prepared(array: Array, how: str) -> Array:
    """In C order; a number type of the kernel; for cubic interpolation, the splines' coefficients."""
    xp = xp_of(array)
    if how in ("nearest", "label") and array.dtype.kind != "f":
        return xp.ascontiguousarray(array)
    real = np.float64 if array.dtype == np.float64 else np.float32
    array = xp.ascontiguousarray(array, dtype=real)
    if how != "cubic":
        return array
    if not bool(xp.isfinite(array).all()):
        raise InputError("cubic interpolation would spread what is not finite", do="interpolate linearly, or fill it")
    return ndimage_of(array).spline_filter(array, order=3, output=real, mode="mirror")


def _looked_up(
    voxels: Array,
    moving: VolumeGeometry,
    grid: VolumeGeometry,
    transform: Transform | None,
    how: str,
    outside: float,
    device: str,
) -> Array:
    from scanmill.kernels import resampling

    kernel = {
        "nearest": resampling.NEAREST,
        "label": resampling.LABEL,
        "linear": resampling.LINEAR,
        "cubic": resampling.CUBIC,
    }[how]
    out = xp_of(voxels).empty(grid.shape, voxels.dtype)
    real: Any = np.float64 if voxels.dtype == np.float64 else np.float32
    for planes, matrix, shifts in places_of(grid, moving, transform, real, device):
        part = out[planes]
        n_runs, run = runs_of(part)
        kernel(n_runs, voxels, matrix, shifts, voxels.dtype.type(outside), run, part)
    return out
