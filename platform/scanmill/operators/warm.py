"""Compile every kernel that an operator can reach, by using each once on a tiny problem."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np

from scanmill.arrays import to_device, xp_of
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.kernels.launch import KERNELS, warm_up
from scanmill.operators.backprojection import BackprojectionOp
from scanmill.operators.grid_places import places_of, runs_of
from scanmill.operators.gridding import gridded_fourier_op
from scanmill.operators.gridding_plan import Strategy
from scanmill.operators.linear import LinearOperator
from scanmill.operators.projection import MANY_SLICES, ProjectionOp
from scanmill.operators.resampling import ResamplingOp
from scanmill.operators.wavelet import WaveletOp

DISTANCES: dict[str, Any] = {"source_to_isocenter": 50.0, "source_to_detector": 90.0}
GRID = VolumeGeometry.centered((4, 8, 8))
DEEP = VolumeGeometry.centered((MANY_SLICES, 8, 8))


def compile_kernels(device: str = "cpu") -> list[str]:
    """Compile for ``device`` in float32, or load from the cache; the names of the kernels.

    Raises ResourceError where the golden kernel comes out wrong.
    """
    warm_up(xp_of(to_device(np.zeros(1, np.float32), device)))
    for op in _operators(device):
        ones = to_device(np.ones(op.in_shape, np.float32), device)
        op.H(op(ones))
    _warm_helix(device)
    _warm_resampling(device)
    _warm_registration(device)
    _warm_similarity(device)
    _warm_features(device)
    return sorted(KERNELS)


def _warm_helix(device: str) -> None:
    """The kernels of helical backprojection, whose operators are algorithms: one theta, two rows, two t."""
    from scanmill.kernels import helix

    def ones(*shape: int, dtype: Any = np.float32) -> Any:
        return to_device(np.ones(shape, dtype), device)

    views, pairs, lines = ones(2, 1, 2, dtype=np.int32), ones(2, 1, 2, dtype=np.int32), ones(1, 2, 2)
    helix.REBIN(2, ones(2, 2, 2), views, ones(1, 2), pairs, ones(1, 2), ones(2, 1, 2), lines)
    sizes = ones(5)
    helix.BACKPROJECT(
        1, ones(1, 1, 2, 2), 2 * ones(1, 4, 1, 2), ones(2, 1), ones(2, 1), sizes, 1, ones(2, 1, 3), ones(2, 1, 3)
    )


def _warm_resampling(device: str) -> None:
    """The interpolations of images and of segmentations; the linear one is an operator."""
    from scanmill.kernels import resampling

    _, matrix, shifts = next(iter(places_of(GRID, GRID, None, np.float32, device)))
    for kernel, dtypes in (
        (resampling.CUBIC, ("f4",)),
        (resampling.NEAREST, ("f4", "u1", "u2")),
        (resampling.LABEL, ("u1", "u2")),
    ):
        for dtype in map(np.dtype, dtypes):
            image = to_device(np.ones(GRID.shape, dtype), device)
            out = xp_of(image).empty_like(image)
            n_runs, run = runs_of(out)
            kernel(n_runs, image, matrix, shifts, dtype.type(0), run, out)


def _warm_registration(device: str) -> None:
    """The kernels of deformable registration, whose measures are algorithms: one voxel more than a window."""
    from scanmill.kernels import banded, forces, smoothing, warping, windows

    def ones(*shape: int) -> Any:
        return to_device(np.ones(shape, np.float32), device)

    image, field, moments, equations = ones(2, 4, 4), ones(3, 2, 4, 4), ones(6, 2, 4, 4), ones(9, 2, 4, 4)
    n, run = runs_of(image)
    warping.WARP(n, image, ones(3, 4), field, run, image, image)
    warping.COMPOSE(n, field, field, np.float32(1), run, ones(3, 2, 4, 4))
    warping.REFINE(n, field, ones(3), run, ones(3, 2, 4, 4))
    warping.DETERMINANT(n, field, run, image)
    smoothing.ALONG(8, ones(8, 4), ones(2), 1, ones(8, 4))
    smoothing.ACROSS(8, ones(2, 4, 4), ones(2), 1, 4, ones(2, 4, 4))
    windows.MERGE_ROW(8, image, image, image, 1, moments)
    windows.MERGE_ACROSS(2, moments, 1, 4, ones(2, 8, 4), ones(6, 2, 4, 4))
    forces.CORRELATION(n, moments, image, image, image, image, ones(2), 1, run, equations, ones(n, 3))
    forces.DIFFERENCE(n, image, image, image, image, run, equations, ones(n, 3))
    forces.SOLVE(n, equations, np.float32(1), run, field, ones(n))
    forces.MULTIPLY(n, equations, field, run, ones(3, 2, 4, 4))
    banded.BANDED(8, ones(2, 4, 4), ones(4, 1), to_device(np.zeros(4, np.int32), device), 4, ones(2, 4, 4))


def _warm_similarity(device: str) -> None:
    """What linear registration asks of two images: eight samples, one owner."""
    from scanmill.kernels import similarity

    def ones(*shape: int, dtype: Any = np.float32) -> Any:
        return to_device(np.ones(shape, dtype), device)

    points, seen, bins, values, scores = ones(3, 8), ones(4, 8), ones(8, dtype=np.uint8), ones(8), ones(8)
    similarity.LOOK(1, points, ones(3, 4), ones(4, 4, 4), 8, seen)
    similarity.JOINT(1, bins, seen, 8, ones(1, 4, 6))
    similarity.TABLE_SCORES(1, bins, seen, ones(4, 5), 8, scores)
    similarity.MOMENTS(1, values, seen, 8, ones(1, similarity.N_MOMENTS))
    similarity.LINE_SCORES(1, values, seen, ones(3), 8, scores)
    similarity.PULL(1, points, seen, scores, 8, ones(1, similarity.N_PULL))
    similarity.INFORMATION(1, points, seen, scores, 8, ones(1, similarity.N_INFORMATION))


def _warm_features(device: str) -> None:
    """What features count: levels are whole numbers, and patterns and gradients are always found in float64."""
    from scanmill.kernels import cooccurrence, gradient_votes, patterns

    def zeros(shape: Any, dtype: Any) -> Any:
        return to_device(np.zeros(shape, dtype), device)

    tables = zeros((1, 4, 4), np.int32)
    cooccurrence.COUNT(1, zeros(9, np.uint16), 3 + zeros(1, np.int64), 1, 5, 5, np.uint32(2), tables)
    corners, parts = zeros((3, 2), np.int64), zeros((3, 2), np.float64)
    patterns.PATTERNS(4, zeros((1, 6, 6), np.float64), corners, parts, 1, np.float64(0), 4, zeros((1, 4, 4), np.int32))
    gradient_votes.PLANE(1, zeros((2, 2), np.float64), zeros((2, 3), np.float64), 2, 1, zeros((1, 1, 3), np.float64))
    volume, faces, votes = (zeros(shape, np.float64) for shape in ((2, 2, 2), (3, 4), (1, 1, 1, 4)))
    gradient_votes.SPACE(1, volume, faces, 0, 2, 1, votes)


def _operators(device: str) -> list[LinearOperator]:
    angles = np.linspace(0.1, 3.0, 5)
    parallel = ScanGeometry.parallel(angles, 12, 1.0, n_rows=4)
    deep = ScanGeometry.parallel(angles, 12, 1.0, n_rows=MANY_SLICES)
    fan = ScanGeometry.fan(angles, 12, 1.0, n_rows=4, **DISTANCES)
    cone = ScanGeometry.cone(angles, 12, 1.0, n_rows=4, row_spacing=1.0, **DISTANCES)
    return [
        *(ProjectionOp(GRID, scan, device=device) for scan in (parallel, fan, cone)),
        ProjectionOp(DEEP, deep, device=device),
        ProjectionOp(GRID, cone, device=device, ownership="rays"),
        *(BackprojectionOp(GRID, scan, device=device) for scan in (parallel, fan, cone)),
        *(BackprojectionOp(GRID, scan, device=device, ownership="voxels") for scan in (fan, cone)),
        WaveletOp(GRID.shape),
        ResamplingOp(GRID, GRID, device=device),
        *(
            gridded_fourier_op(np.ones((2, 3, n_dims)), shape, strategy=strategy, device=device)
            for n_dims, shape in ((2, (1, 8, 8)), (3, (8, 8, 8)))
            for strategy in get_args(Strategy)
        ),
    ]
