"""Histograms of cells, and their normalisation in overlapping blocks: what HOG in planes and in space share."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

from scanmill.arrays import Array, HostArray, is_device_array, xp_of
from scanmill.errors import InputError

EPSILON = 1e-5
CLIP = 0.2
"""After the first normalisation no bin counts more: "L2-Hys" of Lowe (2004) and of Dalal and Triggs (2005)."""
LEAST_RUN = 2**16
"""The voxels of the cells that one core fills alone: about a millisecond's work. On a GPU each cell has a thread."""


def n_blocks(shape: tuple[int, ...], cell: int, block: int) -> tuple[int, ...]:
    """How many overlapping blocks of cells fit along each axis; InputError where none does.

    >>> n_blocks((96, 64), 8, 3)
    (10, 6)
    """
    if cell < 1 or block < 1:
        raise InputError("cells and blocks have a size of 1 or more", got=(cell, block))
    counts = tuple(n // cell - block + 1 for n in shape)
    if min(counts) < 1:
        raise InputError("the image is smaller than a block", expected=f"{cell * block} along each axis", got=shape)
    return counts


def mean_votes(kernel: Callable[..., None], image: Array, table: HostArray, cell: int, *numbers: int) -> Array:
    """The votes of gradients (*cells, bin), float64, divided by the voxels of a cell; what is left over is dropped.

    ``kernel`` is one of :mod:`scanmill.kernels.gradient_votes`, whose directions are the columns of ``table``.
    """
    xp, voxels = xp_of(image), cell**image.ndim
    votes = xp.zeros((*(n // cell for n in image.shape), table.shape[1]))
    run = 1 if is_device_array(image) else max(1, LEAST_RUN // voxels)
    n_owners = -(-votes.size // (run * table.shape[1]))
    kernel(n_owners, xp.array(image, dtype=xp.float64, order="C"), xp.asarray(table), *numbers, cell, run, votes)
    return votes / voxels


def cell_means(votes: Array, cell: int) -> Array:
    """The mean of ``votes`` in each whole cell of ``cell`` voxels along every axis; what is left over is dropped."""
    whole = tuple(slice(0, n // cell * cell) for n in votes.shape)
    split = [size for n in votes.shape for size in (n // cell, cell)]
    return votes[whole].reshape(split).mean(axis=tuple(range(1, 2 * votes.ndim, 2)))


def normalised_blocks(histograms: Array, block: int) -> Array:
    """``histograms`` (*cells, bin) as (*blocks, *cells of a block, bin), each block normalised by L2-Hys."""
    xp = xp_of(histograms)
    n_axes = histograms.ndim - 1
    counts = [n - block + 1 for n in histograms.shape[:-1]]
    out = xp.empty((*counts, *(block,) * n_axes, histograms.shape[-1]))
    for place in product(range(block), repeat=n_axes):
        cells = tuple(slice(p, p + n) for p, n in zip(place, counts, strict=True))
        out[(*(slice(None),) * n_axes, *place)] = histograms[cells]
    within = tuple(range(n_axes, 2 * n_axes + 1))
    for limit in (CLIP, float("inf")):
        norm = xp.sqrt((out * out).sum(axis=within, keepdims=True) + EPSILON**2)
        out = xp.minimum(out / norm, limit)
    return out
