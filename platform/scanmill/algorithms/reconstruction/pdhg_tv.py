"""PDHG-TV: least squares with total variation by the primal-dual hybrid gradient, diagonally preconditioned."""

from __future__ import annotations

from scanmill.algorithms.reconstruction.data_term import Residuals
from scanmill.algorithms.reconstruction.iteration import (
    NON_NEGATIVE,
    Bounds,
    Callback,
    StoppingRule,
    check_bounds,
    data_of,
    reciprocal,
    start_of,
)
from scanmill.algorithms.reconstruction.pdhg import DataBlock, SparsityBlock, pdhg
from scanmill.algorithms.reconstruction.pdhg_steps import Steps
from scanmill.algorithms.reconstruction.sparsity import TotalVariation
from scanmill.algorithms.reconstruction.total_variation import check_weight
from scanmill.arrays import Array, xp_of
from scanmill.errors import SpecError
from scanmill.operators import LinearOperator
from scanmill.operators.linear import require_matched


def pdhg_tv(
    op: LinearOperator,
    y: Array,
    *,
    weight: float,
    n_iterations: int = 200,
    balance: float = 4.0,
    bounds: Bounds = NON_NEGATIVE,
    x0: Array | None = None,
    residual_tolerance: float = 0.0,
    change_tolerance: float = 0.0,
    callback: Callback | None = None,
) -> Array:
    """argmin ½ ‖A x - y‖² + α TV(x) inside the bounds, α = ``weight``, by the primal-dual hybrid gradient.

        p ← (p + Σ (A x̄ - y)) / (1 + Σ)             q ← q + σ ∇x̄, drawn into the ball |q| <= α
        x⁺ ← P(x - T (Aᴴ p + ∇ᴴ q))                 x̄ ← 2 x⁺ - x

    (Chambolle & Pock, J. Math. Imaging Vis. 40 (2011) 120; for CT Sidky, Jørgensen & Pan, Phys. Med. Biol. 57 (2012)
    3065, alg. 4) with the diagonal steps Σ = b / (A 1), σ = b / 2, T = 1 / (b (Aᴴ 1 + |∇|ᴴ 1)) of Pock & Chambolle,
    ICCV 2011, lemma 2: for A >= 0 they converge whatever the ``balance`` b > 0, which only trades the speed of the
    image (small) for that of the data (large). TV is isotropic, over neighbouring voxels whatever their spacing, so
    α has the unit of y² over that of x.

    The objective of the status is the function above; it does not fall in every single iteration. A warm start
    ``x0`` gives the image, the duals begin with zero: from a filtered backprojection it is at once below where a cold
    start arrives after tens of iterations (the dual p = A x0 - y, which fits only a solution, throws it far off).
    Raises ConvergenceError where it diverges.
    """
    check_weight(weight)
    if not balance > 0:
        raise SpecError("the balance of primal and dual steps must be positive", got=balance)
    require_matched(op)
    check_bounds(bounds)
    rule = StoppingRule(n_iterations, residual_tolerance, change_tolerance, callback)
    y = data_of(op, y)
    data, tv = Residuals(op, y), TotalVariation(op)
    sigma, sigma_tv, tau = _steps(op, y, balance)
    steps, blocks = Steps((sigma, sigma_tv), tau), (DataBlock(data), SparsityBlock(tv, weight))
    return pdhg(start_of(op, y, x0, bounds), steps, data, blocks, rule, bounds=bounds, data_is_dual=True)


def _steps(op: LinearOperator, y: Array, balance: float) -> tuple[Array, float, Array]:
    """Σ, σ and T: a difference has two ones in its row, a voxel meets two differences along every axis it has."""
    xp = xp_of(y)
    rays = op(xp.ones(op.in_shape, dtype=op.dtype))
    voxels = op.H(xp.ones(op.out_shape, dtype=op.dtype))
    n_axes = sum(n > 1 for n in op.in_shape)
    return balance * reciprocal(rays), balance / 2, 1 / (balance * (voxels + 2 * max(n_axes, 1)))
