"""The methods of `mr.reconstruct` that fill k-space and combine the coils; each is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from scanmill.arrays import Array, xp_of
from scanmill.steps.mr_blocks import Block
from scanmill.steps.mr_encoding import gridded

if TYPE_CHECKING:
    from scanmill.steps.mr_iterative import Problem

NAMES = ("zero-filled", "adaptive", "homodyne", "pocs", "grappa", "spirit")
"""Methods whose coil images are combined by sensitivities, or by the root of their sum of squares."""
POCS_ITERATIONS = 20
CARTESIAN = ("homodyne", "pocs", "grappa", "spirit")


def _zero_filled(p: Problem) -> Array:
    """F⁻¹ k, or gridding of the density-compensated samples: coil images (batch, coil, z, y, x)."""
    from scanmill.algorithms.reconstruction.mr import zero_filled

    return zero_filled(p.block.y) if p.block.points is None else gridded(p.block)


def _homodyne(p: Problem) -> Array:
    return _with_the_rest(p, p.block.y, "homodyne")


def _pocs(p: Problem) -> Array:
    return _with_the_rest(p, p.block.y, "pocs")


def _grappa(p: Problem) -> Array:
    from scanmill.algorithms.reconstruction.mr import grappa

    block = p.block
    filled = grappa(
        block.y,
        block.sampling_mask,
        calibration=block.calibration,
        kernel_shape=p.params.kernel,
        regularisation=p.params.regularisation,
    )
    return _with_the_rest(p, filled, p.params.partial_fourier)


def _spirit(p: Problem) -> Array:
    from scanmill.algorithms.reconstruction.mr import spirit

    block = p.block
    filled = spirit(
        block.y,
        block.sampling_mask,
        calibration=block.calibration,
        kernel_shape=p.params.kernel,
        regularisation=p.params.regularisation,
        n_iterations=p.n_iterations,
        change_tolerance=p.params.change_tolerance,
        callback=p.progress,
    )
    return _with_the_rest(p, filled, p.params.partial_fourier)


def _with_the_rest(p: Problem, kspace: Array, partial_fourier: str) -> Array:
    """Coil images of k-space whose one side was not acquired: as zeros, or by the phase of the middle."""
    from scanmill.algorithms.reconstruction.mr import homodyne, pocs, zero_filled

    if partial_fourier == "zero":
        return zero_filled(kspace)
    images: list[Array] = []
    for k, mask in zip(kspace, p.block.masks(), strict=True):
        if partial_fourier == "homodyne":
            images.append(homodyne(k, mask))
        else:
            n_iterations = p.n_iterations if p.params.method == "pocs" else POCS_ITERATIONS
            full = pocs(k, mask, n_iterations=n_iterations)
            images.append(zero_filled(full[None])[0])
    return xp_of(kspace).stack(images)


def combined(coil_images: Array, block: Block) -> Array:
    """One image of the coils, (batch, set, z, y, x): by the sensitivities where there are any, else real by RSS."""
    from scanmill.algorithms.reconstruction.mr import combine_coils, root_sum_of_squares

    if block.coil_sensitivities is None:
        return root_sum_of_squares(coil_images)
    return combine_coils(coil_images, block.coil_sensitivities)


METHODS: Mapping[str, Callable[[Any], Array]] = {
    "zero-filled": _zero_filled,
    "adaptive": _zero_filled,
    "homodyne": _homodyne,
    "pocs": _pocs,
    "grappa": _grappa,
    "spirit": _spirit,
}
