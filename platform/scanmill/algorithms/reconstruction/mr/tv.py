"""Compressed sensing with total variation."""

from __future__ import annotations

from scanmill.algorithms.reconstruction.items import PerItem
from scanmill.algorithms.reconstruction.iteration import Callback
from scanmill.algorithms.reconstruction.mr.images import ITEM_AXIS, check_images, used_axes
from scanmill.algorithms.reconstruction.mr.primal_dual import primal_dual
from scanmill.algorithms.reconstruction.sparsity import TotalVariation
from scanmill.arrays import Array
from scanmill.operators import LinearOperator


def tv(
    op: LinearOperator,
    y: Array,
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
    """argmin ½ ‖A x - y‖² + α Σ |∇x| for images x (batch, set, z, y, x), α = ``weight``, by `primal_dual`.

    Block, Uecker & Frahm, Magn. Reson. Med. 57 (2007) 1086. TV is isotropic over the complex differences of
    neighbouring voxels along z, y and x, whatever their spacing; each set and each item of the batch has its own.
    Knobs and errors as in `primal_dual`.
    """
    check_images(op)
    return primal_dual(
        op,
        y,
        TotalVariation(op, axes=used_axes(op), item_axis=ITEM_AXIS),
        weight=weight,
        n_iterations=n_iterations,
        balance=balance,
        norm=norm,
        seed=seed,
        x0=x0,
        residual_tolerance=residual_tolerance,
        change_tolerance=change_tolerance,
        callback=callback,
    )
