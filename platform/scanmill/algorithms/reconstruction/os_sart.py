"""OS-SART: SIRT's step, a subset of the views at a time."""

from __future__ import annotations

from typing import Any, Literal, Protocol, get_args

import numpy as np

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
    relative,
    squared_norm,
    start_of,
)
from scanmill.algorithms.reconstruction.sirt import ray_and_voxel_weights
from scanmill.arrays import Array, HostArray
from scanmill.errors import SpecError
from scanmill.operators import LinearOperator
from scanmill.operators.linear import require_matched

SubsetOrder = Literal["golden", "random", "sequential"]


class ViewOperator(Protocol):
    """A LinearOperator whose data's first axis are views, and that can be cut to some of them."""

    def subset(self, views: Any) -> LinearOperator:
        """The operator of the chosen views only."""


def os_sart(
    op: LinearOperator,
    y: Array,
    *,
    n_iterations: int = 10,
    n_subsets: int = 10,
    relaxation: float = 1.0,
    relaxation_decay: float = 1.0,
    order: SubsetOrder = "golden",
    seed: int = 0,
    first_iteration: int = 1,
    bounds: Bounds = NON_NEGATIVE,
    x0: Array | None = None,
    residual_tolerance: float = 0.0,
    change_tolerance: float = 0.0,
    callback: Callback | None = None,
) -> Array:
    """Ordered-subset simultaneous algebraic reconstruction: ``n_subsets`` corrections an iteration.

    x ← P(x + λ_k C_s A_sᴴ R_s (y_s - A_s x)) for the subsets s of the views in turn, with the weights of SIRT per
    subset (Andersen & Kak, Ultrason. Imaging 6 (1984) 81; Wang & Jiang, J. X-Ray Sci. Technol. 12 (2004) 169), and
    λ_k = ``relaxation`` times ``relaxation_decay`` to the power k - 1. Subset s holds every ``n_subsets``-th view;
    one subset is SIRT, one view a subset is SART. ``op`` needs ``op.subset(views)``. To go on exactly where another
    run ended, give its image as ``x0`` and the next number as ``first_iteration``.

    The residual and the objective ½ ‖y - A x‖²_R of the status are summed from the subsets as they are met, so they
    belong to the images on the way. Raises ConvergenceError where it diverges.
    """
    _check(n_subsets, op.out_shape[0], relaxation, relaxation_decay, order)
    require_matched(op)
    check_bounds(bounds)
    rule = StoppingRule(n_iterations, residual_tolerance, change_tolerance, callback)
    y = data_of(op, y)
    x = start_of(op, y, x0, bounds)
    views = [np.arange(s, op.out_shape[0], n_subsets) for s in range(n_subsets)]
    parts = [op.subset(chosen) for chosen in views]  # type: ignore[attr-defined]
    data = [y[chosen] for chosen in views]
    weights = [ray_and_voxel_weights(part, y) for part in parts]
    y_norm, start = norm(y), None
    for iteration in range(1, n_iterations + 1):
        before, squares, objective = x, 0.0, 0.0
        step = relaxation * relaxation_decay ** (first_iteration + iteration - 2)
        for s in subset_order(n_subsets, order, seed=seed, iteration=first_iteration + iteration - 1):
            R, C = weights[s]
            residual = data[s] - parts[s](x)
            squares += squared_norm(residual)
            objective += 0.5 * squared_norm(R**0.5 * residual)
            x = clip(x + step * C * parts[s].H(R * residual), bounds)
        status = IterationStatus(
            iteration, relative(squares**0.5, y_norm), relative(norm(x - before), norm(x)), objective, x
        )
        start = status.residual if start is None else start
        if rule.ends(status, start):
            break
    return x


def subset_order(n_subsets: int, order: SubsetOrder, *, seed: int, iteration: int) -> HostArray:
    """The order in which the subsets are visited in one iteration, the same for the same seed.

    ``"golden"`` steps by the golden ratio, so that neighbours in time are far apart in angle (Köhler, IEEE NSS 2004);
    ``"random"`` is a new permutation every iteration.

    >>> subset_order(8, "golden", seed=0, iteration=1).tolist()
    [0, 5, 2, 7, 4, 1, 6, 3]
    """
    if order == "sequential":
        return np.arange(n_subsets)
    if order == "random":
        return np.random.default_rng((seed, iteration)).permutation(n_subsets)
    phase = np.mod(np.arange(n_subsets) * (np.sqrt(5) - 1) / 2, 1.0)
    ranks: HostArray = np.argsort(np.argsort(phase, kind="stable"), kind="stable")
    return ranks


def _check(n_subsets: int, n_views: int, relaxation: float, decay: float, order: str) -> None:
    if not 1 <= n_subsets <= n_views:
        raise SpecError("wrong number of subsets", expected=f"1 to {n_views} (views)", got=n_subsets)
    if not 0 < relaxation < 2 or not 0 < decay <= 1:
        raise SpecError("wrong relaxation", expected="0 < relaxation < 2, 0 < decay <= 1", got=(relaxation, decay))
    if order not in get_args(SubsetOrder):
        raise SpecError("unknown order of subsets", expected=", ".join(get_args(SubsetOrder)), got=order)
