"""SIRT: all rays correct the image at once."""

from __future__ import annotations

from scanmill.algorithms.reconstruction.iteration import (
    NON_NEGATIVE,
    Bounds,
    Callback,
    IterationStatus,
    StoppingRule,
    check_bounds,
    clip,
    data_of,
    norm,
    reciprocal,
    relative,
    squared_norm,
    start_of,
)
from scanmill.arrays import Array, xp_of
from scanmill.errors import SpecError
from scanmill.operators import LinearOperator
from scanmill.operators.linear import require_matched


def sirt(
    op: LinearOperator,
    y: Array,
    *,
    n_iterations: int = 50,
    relaxation: float = 1.0,
    bounds: Bounds = NON_NEGATIVE,
    x0: Array | None = None,
    residual_tolerance: float = 0.0,
    change_tolerance: float = 0.0,
    callback: Callback | None = None,
) -> Array:
    """Simultaneous iterative reconstruction, in its weights of row and column sums.

    x ← P(x + λ C Aᴴ R (y - A x)), with R = 1 / (A 1), C = 1 / (Aᴴ 1), P the clip into ``bounds``
    (Gregor & Benson, IEEE Trans. Med. Imaging 27 (2008) 918, eq. 3). It lowers ½ ‖y - A x‖²_R (the objective of the
    status) for 0 < λ < 2 and A >= 0, and a warm start ``x0`` goes on exactly where another run ended.
    Returns the image, of ``op.in_shape``. Raises ConvergenceError where it diverges.
    """
    if not 0 < relaxation < 2:
        raise SpecError("SIRT diverges outside its range of relaxation", expected="0 < relaxation < 2", got=relaxation)
    require_matched(op)
    check_bounds(bounds)
    rule = StoppingRule(n_iterations, residual_tolerance, change_tolerance, callback)
    y = data_of(op, y)
    x = start_of(op, y, x0, bounds)
    R, C = ray_and_voxel_weights(op, y)
    residual = y - op(x)
    y_norm, start = norm(y), relative(norm(residual), norm(y))
    for iteration in range(1, n_iterations + 1):
        before, x = x, clip(x + relaxation * C * op.H(R * residual), bounds)
        residual = y - op(x)
        status = IterationStatus(
            iteration,
            residual=relative(norm(residual), y_norm),
            change=relative(norm(x - before), norm(x)),
            objective=0.5 * squared_norm(R**0.5 * residual),
            image=x,
        )
        if rule.ends(status, start):
            break
    return x


def ray_and_voxel_weights(op: LinearOperator, y: Array) -> tuple[Array, Array]:
    """R = 1 / (A 1) and C = 1 / (Aᴴ 1), on the device of ``y``; zero where a ray or a voxel meets nothing."""
    xp = xp_of(y)
    rays = op(xp.ones(op.in_shape, dtype=op.dtype))
    voxels = op.H(xp.ones(op.out_shape, dtype=op.dtype))
    return reciprocal(rays), reciprocal(voxels)
