"""Metal: its shadow is cut out of the sinogram and bridged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from scanmill.algorithms.preparation.finite import require_finite
from scanmill.arrays import Array, ndimage_of, to_host, xp_of
from scanmill.data import Projections, Volume
from scanmill.errors import InputError
from scanmill.operators.linear import LinearOperator

MetalMethod = Literal["interpolated", "normalised"]


@dataclass(frozen=True, eq=False)
class WithoutMetal:
    """``projections`` with the shadows bridged, ``mask`` of the metal (z, y, x), ``shadow_share`` of the pixels."""

    projections: Projections
    mask: Array
    shadow_share: float


def reduce_metal(
    projections: Projections,
    image: Volume,
    op: LinearOperator,
    *,
    metal: float,
    water: float,
    bone: float | None = None,
    method: MetalMethod = "normalised",
    margin_voxels: int = 1,
) -> WithoutMetal:
    """Replace the rays through metal, which a first ``image`` (1/mm) shows above ``metal``.

    ``"interpolated"``: linear over the columns of each view and row (W. Kalender, R. Hebel, J. Ebersberger, Radiology
    164 (1987) 576). ``"normalised"``: the same on p / Ap₀, times Ap₀, where the prior p₀ is the image with air set to
    0, soft tissue and metal to ``water``, and what is brighter than ``bone`` left as it is (E. Meyer et al., Med.
    Phys. 37 (2010) 5482). ``op`` projects the image's grid onto the scan, of any beam; the metal grows by
    ``margin_voxels`` before it is projected, and shadows by a column on each side. The image that is then
    reconstructed lacks the metal: `insert_metal` puts it back. Without metal nothing is changed.
    ``bone`` is by default 1.3 ``water``. Raises InputError for NaN, where ``op`` fits neither, and for a view's row
    that lies in the shadow from rim to rim.
    """
    if tuple(op.in_shape) != tuple(image.array.shape) or tuple(op.out_shape) != tuple(projections.array.shape):
        raise InputError("the projector fits not the image and the scan", expected=(op.in_shape, op.out_shape),
                         got=(image.array.shape, projections.array.shape))  # fmt: skip
    for what, array in (("the first image", image.array), ("the sinogram", projections.array)):
        require_finite(array, what)
    bone = 1.3 * water if bone is None else bone
    if not 0 < water < bone < metal:
        raise InputError("thresholds must grow", expected="0 < water < bone < metal (1/mm)", got=(water, bone, metal))
    mask = image.array > metal
    if not bool(mask.any()):
        return WithoutMetal(projections, mask, 0.0)
    wide = grown(mask, margin_voxels)
    shadow = metal_shadow(op, wide)
    if method == "interpolated":
        bridged = bridge(projections.array, shadow)
    else:
        prior = op(_prior(image.array, wide, water, bone).astype(op.dtype))
        xp = xp_of(prior)
        least = max(0.02 * float(prior.max()), 1e-6)  # rays that pass beside the prior
        thick = xp.maximum(prior, least)
        bridged = xp.where(shadow, bridge(projections.array / thick, shadow) * thick, projections.array)
    bridged = bridged.astype(projections.array.dtype, copy=False)
    return WithoutMetal(replace(projections, array=bridged), mask, float(shadow.mean()))


def metal_shadow(op: LinearOperator, mask: Array) -> Array:
    """The pixels (view, row, column) whose rays meet the metal of ``mask`` (z, y, x), with a column on each side."""
    met = op(xp_of(mask).asarray(mask, dtype=op.dtype)) > 0
    return ndimage_of(mask).binary_dilation(met, structure=xp_of(mask).ones((1, 1, 3), dtype=bool))


def grown(mask: Array, n_voxels: int) -> Array:
    """``mask`` (z, y, x) with so many voxels around it; a single slice grows only in its plane."""
    if n_voxels == 0:
        return mask
    ndimage = ndimage_of(mask)
    cross = ndimage.generate_binary_structure(3, 1)
    if mask.shape[0] == 1:
        cross[[0, 2]] = False
    return ndimage.binary_dilation(mask, structure=cross, iterations=n_voxels)


def bridge(sinogram: Array, shadow: Array) -> Array:
    """Linear interpolation over the columns in ``shadow``; at a rim the one live neighbour stands.

    Raises InputError for a row of a view without a live column.

    >>> bridge(np.array([[[1.0, 9.0, 9.0, 4.0]]]), np.array([[[False, True, True, False]]]))
    array([[[1., 2., 3., 4.]]])
    """
    gone = to_host(shadow)
    n = gone.shape[-1]
    full = gone.all(axis=-1)
    if full.any():
        raise InputError("the metal's shadow covers a whole row of the detector", got=f"{int(full.sum())} such rows",
                         do="raise the metal threshold")  # fmt: skip
    column = np.arange(n)
    before = np.maximum.accumulate(np.where(gone, -1, column), axis=-1)
    after = n - 1 - np.maximum.accumulate(np.where(gone, -1, n - 1 - column)[..., ::-1], axis=-1)[..., ::-1]
    left = np.where(before < 0, after, before)
    right = np.where(after > n - 1, before, after)
    share = (column - left) / np.maximum(right - left, 1)
    xp = xp_of(sinogram)
    left, right, share = xp.asarray(left), xp.asarray(right), xp.asarray(share, dtype=sinogram.dtype)
    low, high = xp.take_along_axis(sinogram, left, axis=-1), xp.take_along_axis(sinogram, right, axis=-1)
    return xp.where(xp.asarray(gone), low + share * (high - low), sinogram)


def insert_metal(image: Volume, first: Volume, mask: Array) -> Volume:
    """``image`` with the voxels of ``mask`` as in ``first``: the metal is shown where it was."""
    if image.geometry != first.geometry or image.unit != first.unit or mask.shape != image.array.shape:
        raise InputError("the images differ in grid or unit", expected=(first.geometry.shape, first.unit),
                         got=(image.geometry.shape, image.unit))  # fmt: skip
    xp = xp_of(image.array)
    return image.with_array(xp.where(xp.asarray(mask), xp.asarray(first.array, dtype=image.array.dtype), image.array))


def _prior(image: Array, mask: Array, water: float, bone: float) -> Array:
    """Air 0, soft tissue and metal water, bone as it is; smoothed by a voxel first, against streaks."""
    xp = xp_of(image)
    width = (0.0 if image.shape[0] == 1 else 1.0, 1.0, 1.0)
    tamed = xp.where(mask, image.dtype.type(water), image)
    smooth = ndimage_of(image).gaussian_filter(tamed, width, mode="nearest")
    prior = xp.where(smooth < 0.5 * water, 0, water)
    prior = xp.where(smooth > bone, tamed, prior)
    return xp.where(mask, water, prior)
