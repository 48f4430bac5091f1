"""Frames or contrasts that are mixtures of few images: the nuclear norm."""

from __future__ import annotations

from scanmill.algorithms.reconstruction.fista import fista
from scanmill.algorithms.reconstruction.fista_nuclear import NuclearNorm
from scanmill.algorithms.reconstruction.iteration import FREE, Callback
from scanmill.algorithms.reconstruction.mr.images import check_images
from scanmill.arrays import Array
from scanmill.operators import LinearOperator


def low_rank(
    op: LinearOperator,
    y: Array,
    *,
    weight: float,
    n_iterations: int = 50,
    norm: float | None = None,
    seed: int = 0,
    x0: Array | None = None,
    residual_tolerance: float = 0.0,
    change_tolerance: float = 0.0,
    callback: Callback | None = None,
) -> Array:
    """argmin ½ ‖A x - y‖² + α ‖x‖_* for frames x (frame, set, z, y, x), α = ``weight``, by `fista`.

    ‖x‖_* is the sum of the singular values of the (frame, voxel) matrix (Lingala, Hu, DiBella & Jacob, IEEE Trans. Med.
    Imaging 30 (2011) 1042, with p = 1). All frames are one problem. Knobs and errors as in `fista`.
    """
    check_images(op)
    return fista(
        op,
        y,
        NuclearNorm(op),
        weight=weight,
        n_iterations=n_iterations,
        bounds=FREE,
        by_gram=True,
        norm=norm,
        seed=seed,
        x0=x0,
        residual_tolerance=residual_tolerance,
        change_tolerance=change_tolerance,
        callback=callback,
    )
