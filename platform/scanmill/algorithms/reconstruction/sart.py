"""SART: every view corrects the image in its turn."""

from __future__ import annotations

from scanmill.algorithms.reconstruction.iteration import NON_NEGATIVE, Bounds, Callback
from scanmill.algorithms.reconstruction.ordered_subsets import SubsetOrder
from scanmill.algorithms.reconstruction.os_sart import os_sart
from scanmill.arrays import Array
from scanmill.operators import LinearOperator


def sart(
    op: LinearOperator,
    y: Array,
    *,
    n_iterations: int = 3,
    relaxation: float = 0.5,
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
    """Simultaneous algebraic reconstruction: `os_sart` with one view a subset, its weights made anew view by view.

    x ← P(x + λ C_v A_vᴴ R_v (y_v - A_v x)) for the views v in turn (Andersen & Kak, Ultrason. Imaging 6 (1984) 81,
    eq. 20, without their Hamming window along the rays). A few iterations are enough; a ``relaxation`` below one
    calms what the last views left in the image. Knobs, status and errors as in `os_sart`.
    """
    return os_sart(
        op,
        y,
        n_iterations=n_iterations,
        n_subsets=op.out_shape[0],
        relaxation=relaxation,
        relaxation_decay=relaxation_decay,
        order=order,
        seed=seed,
        first_iteration=first_iteration,
        bounds=bounds,
        x0=x0,
        residual_tolerance=residual_tolerance,
        change_tolerance=change_tolerance,
        callback=callback,
        keep_weights=False,
    )
