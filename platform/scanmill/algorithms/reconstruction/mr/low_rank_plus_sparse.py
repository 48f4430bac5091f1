"""A still background and what moves in it: low rank plus sparse."""

from __future__ import annotations

from scanmill.algorithms.reconstruction.fista import fista
from scanmill.algorithms.reconstruction.fista_nuclear import NuclearNorm
from scanmill.algorithms.reconstruction.items import PerItem
from scanmill.algorithms.reconstruction.iteration import FREE, Callback
from scanmill.algorithms.reconstruction.mr.images import ITEM_AXIS, check_images
from scanmill.algorithms.reconstruction.sparsity import Sparsity
from scanmill.algorithms.reconstruction.total_variation import check_weight, shortening
from scanmill.arrays import Array, xp_of
from scanmill.operators import LinearOperator
from scanmill.operators.fourier import FourierOp
from scanmill.operators.second_order import SumOp
from scanmill.operators.stack import IdentityOp, StackOp


def low_rank_plus_sparse(
    op: LinearOperator,
    y: Array,
    *,
    weight: float,
    sparse_weight: float,
    n_iterations: int = 50,
    norm: float | None = None,
    seed: int = 0,
    x0: Array | None = None,
    residual_tolerance: float = 0.0,
    change_tolerance: float = 0.0,
    callback: Callback | None = None,
) -> tuple[Array, Array]:
    """argmin ½ ‖A (L + S) - y‖² + λ_L ‖L‖_* + λ_S Σ |T S| for frames (frame, set, z, y, x): L and S, by `fista`.

    Otazo, Candès & Sodickson, Magn. Reson. Med. 73 (2015) 1125, eq. 4, with λ_L = ``weight``, λ_S = ``sparse_weight``
    and T the Fourier transform along the frames; their algorithm is the proximal gradient method of this problem, here
    with momentum and a step that is safe for any A (Lin & Fessler, IEEE Trans. Comput. Imaging 5 (2019) 17). ``x0`` is
    a start of L; the status shows L and S stacked; ``norm`` is √2 ‖A‖. Knobs and errors as in `fista`.
    """
    check_images(op)
    check_weight(weight)
    check_weight(sparse_weight)
    stacked = (2, *op.in_shape)
    if x0 is not None:
        x0 = xp_of(x0).stack([x0, xp_of(x0).zeros_like(x0)])
    found = fista(
        op @ SumOp(stacked, dtype=op.dtype),
        y,
        LowRankPlusSparse(op, weight, sparse_weight),
        weight=1.0,
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
    return found[0], found[1]


class LowRankPlusSparse(Sparsity):
    """λ_L ‖L‖_* + λ_S Σ |T S| of (L, S) in one stack."""

    norm_squared = 1.0
    unitary = True

    def __init__(self, op: LinearOperator, low_rank: float, sparse: float) -> None:
        temporal = FourierOp(op.in_shape, (ITEM_AXIS,), dtype=op.dtype)
        self.analysis: LinearOperator = StackOp([IdentityOp(op.in_shape, dtype=op.dtype), temporal])
        self._nuclear, self._low_rank, self._sparse = NuclearNorm(op), low_rank, sparse

    def value(self, coefficients: Array) -> PerItem:
        """λ_L ‖L‖_* + λ_S Σ |T S|."""
        xp, (low, sparse) = xp_of(coefficients), coefficients
        return self._low_rank * self._nuclear.value(low) + self._sparse * float(xp.abs(sparse).sum(dtype="float64"))

    def inside(self, dual: Array, radius: PerItem) -> Array:
        """Singular values cut to λ_L, numbers to λ_S, times the radius."""
        xp, (low, sparse) = xp_of(dual), dual
        cut = sparse * shortening(xp.abs(sparse), self._sparse * radius)
        return xp.stack([self._nuclear.inside(low, self._low_rank * radius), cut])
