"""Histograms of oriented gradients in space."""

from __future__ import annotations

import math

import numpy as np

from scanmill.algorithms.features.cells import mean_votes, n_blocks, normalised_blocks
from scanmill.arrays import Array, HostArray
from scanmill.errors import InputError

NEIGHBOURS = math.sqrt(5) / 3
"""The cosine of the angle between two neighbouring faces of an icosahedron (41.8°)."""


def icosahedron_faces(*, signed: bool = False) -> HostArray:
    """Unit normals of an icosahedron's faces: all 20, or (not ``signed``) one of each opposite pair; (n, 3).

    They are the corners of a dodecahedron: (±1, ±1, ±1) and the cyclic shifts of (0, ±1/φ, ±φ), φ the golden ratio.

    >>> icosahedron_faces().shape, icosahedron_faces(signed=True).shape
    ((10, 3), (20, 3))
    """
    golden = (1 + math.sqrt(5)) / 2
    signs = [(a, b) for a in (1, -1) for b in (1, -1)]
    corners = [(a, b, c) for a in (1, -1) for b, c in signs]
    rectangles = [np.roll((0, a / golden, b * golden), shift) for shift in range(3) for a, b in signs]
    normals = np.array([*corners, *rectangles]) / math.sqrt(3)
    first = [next(v for v in n if abs(v) > 0.1) > 0 for n in normals]
    return normals if signed else normals[first]


def hog_3d(volume: Array, *, cell: int = 8, block: int = 2, signed: bool = False) -> Array:
    """(block z, y, x, cell z, y, x, bin), float64, of a volume (z, y, x) with voxels of one spacing.

    A. Kläser, M. Marszałek, C. Schmid, "A spatio-temporal descriptor based on 3D-gradients", BMVC 2008, section 2.3:
    the gradient's direction is projected onto the faces of an icosahedron; a face counts what exceeds the cosine
    to its neighbour, so that a gradient along a face's normal votes for that face alone, and the votes are scaled to
    the gradient's length. Not ``signed`` takes opposite faces as one (10 bins instead of 20). Gradients are central
    differences of each voxel (the paper: of mean sub-blocks); cells and blocks are as in the plane's :func:`hog`.
    Raises InputError for a volume that is smaller than a block.

    >>> z, y, x = np.indices((32, 32, 32))
    >>> hog_3d(1.0 * (z + y + x))[1, 1, 1, 0, 0, 0].round(2).tolist()
    [0.35, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """
    from scanmill.kernels.gradient_votes import SPACE

    if volume.ndim != 3:
        raise InputError("HOG of a volume needs 3 axes", got=volume.shape)
    n_blocks(volume.shape, cell, block)
    faces = icosahedron_faces(signed=signed).T / NEIGHBOURS
    return normalised_blocks(mean_votes(SPACE, volume, np.ascontiguousarray(faces), cell, int(signed)), block)


def hog_3d_size(shape: tuple[int, ...], *, cell: int = 8, block: int = 2, signed: bool = False) -> int:
    """How many numbers :func:`hog_3d` gives for a volume of ``shape``.

    >>> hog_3d_size((32, 32, 32))
    2160
    """
    n_cells = math.prod(n_blocks(shape, cell, block)) * int(block ** len(shape))
    return n_cells * (20 if signed else 10)
