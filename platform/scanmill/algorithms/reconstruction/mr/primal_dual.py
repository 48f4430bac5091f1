"""Any sparsity with any encoding, by the primal-dual hybrid gradient with gradient steps for the data."""

from __future__ import annotations

from scanmill.algorithms.reconstruction.data_term import NormalEquations
from scanmill.algorithms.reconstruction.items import PerItem, as_item
from scanmill.algorithms.reconstruction.iteration import Callback, StoppingRule, data_of, start_of
from scanmill.algorithms.reconstruction.pdhg import SparsityBlock, pdhg
from scanmill.algorithms.reconstruction.pdhg_steps import BalancedSteps
from scanmill.algorithms.reconstruction.power_iteration import operator_norm
from scanmill.algorithms.reconstruction.sparsity import Sparsity
from scanmill.algorithms.reconstruction.total_variation import check_weight
from scanmill.arrays import Array, device_of
from scanmill.operators import LinearOperator
from scanmill.operators.linear import require_matched


def primal_dual(
    op: LinearOperator,
    y: Array,
    sparsity: Sparsity,
    *,
    weight: PerItem,
    n_iterations: int = 100,
    balance: float = 0.1,
    norm: PerItem | None = None,
    seed: int = 0,
    x0: Array | None = None,
    residual_tolerance: float = 0.0,
    change_tolerance: float = 0.0,
    callback: Callback | None = None,
) -> Array:
    """argmin ½ ‖A x - y‖² + α φ(K x), α = ``weight``, by `pdhg`: one ``op.gram``, K and Kᴴ in every iteration.

    For a K whose denoising has no closed form, such as differences. ``balance`` trades the speed of the image for that
    of the dual, at first (`BalancedSteps`); ‖A‖ is from a power iteration (``seed``) unless ``norm`` is given. Items
    of the sparsity end each by itself. Raises ConvergenceError where it diverges.
    """
    check_weight(weight)
    require_matched(op)
    rule = StoppingRule(n_iterations, residual_tolerance, change_tolerance, callback)
    y, items = data_of(op, y), sparsity.item_axis
    x = start_of(op, y, x0)
    norm = operator_norm(op, seed=seed, item_axis=items, device=device_of(y)) if norm is None else norm
    steps, block = BalancedSteps(norm, sparsity, balance, x), SparsityBlock(sparsity, as_item(weight, x, items))
    return pdhg(x, steps, NormalEquations(op, y, items), [block], rule, item_axis=items)
