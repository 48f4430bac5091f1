"""Frames or contrasts that are mixtures of few images in every small block: locally low rank."""

from __future__ import annotations

from scanmill.algorithms.reconstruction.cycle_spinning import CycleSpun
from scanmill.algorithms.reconstruction.fista import fista
from scanmill.algorithms.reconstruction.fista_nuclear import NuclearNorm
from scanmill.algorithms.reconstruction.iteration import FREE, Callback
from scanmill.algorithms.reconstruction.mr.images import check_images, used_axes
from scanmill.algorithms.reconstruction.sparsity import Sparsity
from scanmill.arrays import Array
from scanmill.errors import SpecError
from scanmill.operators import LinearOperator


def locally_low_rank(
    op: LinearOperator,
    y: Array,
    *,
    weight: float,
    block: int = 8,
    cycle_spinning: bool = True,
    n_iterations: int = 50,
    norm: float | None = None,
    seed: int = 0,
    x0: Array | None = None,
    residual_tolerance: float = 0.0,
    change_tolerance: float = 0.0,
    callback: Callback | None = None,
) -> Array:
    """argmin ½ ‖A x - y‖² + α Σ ‖block of x‖_* for frames x (frame, set, z, y, x), α = ``weight``, by `fista`.

    Each block of ``block`` voxels along z, y and x, all sets together, is a (frame, voxel) matrix whose singular
    values are summed (Trzasko & Manduca, Asilomar 2011; for contrasts Zhang, Pauly & Levesque, Magn. Reson. Med. 73
    (2015) 655). ``cycle_spinning`` lays the blocks elsewhere in every iteration (`CycleSpun`, seeded), which hides
    their seams; then the objective need not fall. Knobs and errors as in `fista`.
    """
    check_images(op)
    if block < 1:
        raise SpecError("a block needs a voxel", expected="block >= 1", got=block)
    patch = (op.in_shape[1], *(min(block, n) for n in op.in_shape[2:]))
    sparsity: Sparsity = NuclearNorm(op, patch)
    if cycle_spinning:
        sparsity = CycleSpun(sparsity, {axis: patch[axis] for axis in used_axes(op)}, seed=seed)
    return fista(
        op,
        y,
        sparsity,
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
