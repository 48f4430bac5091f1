"""FISTA with wavelets: least squares with an image of few wavelet coefficients."""

from __future__ import annotations

from scanmill.algorithms.reconstruction.fista import fista
from scanmill.algorithms.reconstruction.items import PerItem, item_sum
from scanmill.algorithms.reconstruction.iteration import NON_NEGATIVE, Bounds, Callback
from scanmill.algorithms.reconstruction.sparsity import Sparsity
from scanmill.algorithms.reconstruction.total_variation import shortening
from scanmill.arrays import Array, xp_of
from scanmill.operators import LinearOperator
from scanmill.operators.wavelet import Wavelet, WaveletOp


def fista_wavelet(
    op: LinearOperator,
    y: Array,
    *,
    weight: float,
    wavelet: Wavelet = "db2",
    n_levels: int | None = None,
    n_iterations: int = 100,
    n_inner: int = 5,
    bounds: Bounds = NON_NEGATIVE,
    seed: int = 0,
    x0: Array | None = None,
    residual_tolerance: float = 0.0,
    change_tolerance: float = 0.0,
    callback: Callback | None = None,
) -> Array:
    """argmin ½ ‖A x - y‖² + α Σ |detail coefficients of x| inside the bounds, α = ``weight``, by `fista`.

    The coefficients are those of an orthonormal `WaveletOp`; the coarsest image is not penalised. Daubechies, Defrise
    & De Mol, Comm. Pure Appl. Math. 57 (2004) 1413, with FISTA's momentum. ``n_inner`` counts the steps that bring
    coefficients and bounds together; without bounds one is exact. Knobs and errors as in `fista`.
    """
    return fista(
        op,
        y,
        Details(WaveletOp(op.in_shape, wavelet, n_levels=n_levels, dtype=op.dtype)),
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


class Details(Sparsity):
    """Σ |c| over the detail coefficients of an orthonormal wavelet transform.

    Complex coefficients count by their magnitude; along ``joint_axis`` (contrasts, sets of maps) the coefficients of
    one place count by their common length, so that edges in one image spare those in the others (Vasanawala et al.,
    ISBI 2011). ``coarsest`` has the coarsest image counted too.
    """

    norm_squared = 1.0
    unitary = True

    def __init__(
        self,
        transform: WaveletOp,
        *,
        coarsest: bool = False,
        joint_axis: int | None = None,
        item_axis: int | None = None,
    ) -> None:
        self.analysis: LinearOperator = transform
        self.item_axis, self.joint_axis = item_axis, joint_axis
        self._free = None if coarsest else transform.coarsest

    def value(self, coefficients: Array) -> PerItem:
        """Σ |c| but for the coarsest image."""
        whole = item_sum(self._length(coefficients), self.item_axis)
        if self._free is None:
            return whole
        return whole - item_sum(self._length(coefficients[self._free]), self.item_axis)

    def inside(self, dual: Array, radius: PerItem) -> Array:
        """Every number cut to the radius; zero for the coarsest image."""
        if dual.dtype.kind != "c" and self.joint_axis is None:
            inside = xp_of(dual).clip(dual, -radius, radius)
        else:
            inside = dual * shortening(self._length(dual), radius)
        if self._free is not None:
            inside[self._free] = 0
        return inside

    def _length(self, coefficients: Array) -> Array:
        xp = xp_of(coefficients)
        size = xp.abs(coefficients)
        if self.joint_axis is None:
            return size
        return xp.sqrt(xp.sum(xp.square(size), axis=self.joint_axis, keepdims=True))
