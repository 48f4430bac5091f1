"""FISTA-TV: least squares with total variation."""

from __future__ import annotations

from scanmill.algorithms.reconstruction.fista import fista
from scanmill.algorithms.reconstruction.iteration import NON_NEGATIVE, Bounds, Callback
from scanmill.algorithms.reconstruction.sparsity import TotalVariation
from scanmill.arrays import Array
from scanmill.operators import LinearOperator


def fista_tv(
    op: LinearOperator,
    y: Array,
    *,
    weight: float,
    n_iterations: int = 100,
    n_inner: int = 20,
    bounds: Bounds = NON_NEGATIVE,
    seed: int = 0,
    x0: Array | None = None,
    residual_tolerance: float = 0.0,
    change_tolerance: float = 0.0,
    callback: Callback | None = None,
) -> Array:
    """argmin ½ ‖A x - y‖² + α TV(x) inside the bounds, α = ``weight``, by `fista`, whose knobs and errors these are.

    TV is isotropic, over neighbouring voxels whatever their spacing (Beck & Teboulle, IEEE Trans. Image Process. 18
    (2009) 2419). The problem is that of `pdhg_tv`.
    """
    return fista(
        op,
        y,
        TotalVariation(op),
        weight=weight,
        n_iterations=n_iterations,
        n_inner=n_inner,
        bounds=bounds,
        seed=seed,
        x0=x0,
        residual_tolerance=residual_tolerance,
        change_tolerance=change_tolerance,
        callback=callback,
    )
