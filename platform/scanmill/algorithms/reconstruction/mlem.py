"""MLEM: expectation maximisation for emitted counts."""

from __future__ import annotations

from scanmill.algorithms.reconstruction.iteration import Callback
from scanmill.algorithms.reconstruction.osem import osem
from scanmill.arrays import Array
from scanmill.operators import LinearOperator


def mlem(
    op: LinearOperator,
    y: Array,
    *,
    background: float | Array = 0.0,
    n_iterations: int = 30,
    x0: Array | None = None,
    residual_tolerance: float = 0.0,
    change_tolerance: float = 0.0,
    callback: Callback | None = None,
) -> Array:
    """Maximum likelihood of counts y ~ Poisson(A x + b), x >= 0, by expectation maximisation.

    x ← x / (Aᴴ 1) · Aᴴ (y / (A x + b)) (Shepp & Vardi, IEEE Trans. Med. Imaging 1 (1982) 113; the background b is
    Politte & Snyder, ibid. 10 (1991) 82). The likelihood never falls; without a background, the image foresees as
    many counts as were measured. All else as in `osem`, whose one subset this is; the status belongs to the image
    before the correction.
    """
    return osem(
        op,
        y,
        background=background,
        n_iterations=n_iterations,
        n_subsets=1,
        x0=x0,
        residual_tolerance=residual_tolerance,
        change_tolerance=change_tolerance,
        callback=callback,
    )
