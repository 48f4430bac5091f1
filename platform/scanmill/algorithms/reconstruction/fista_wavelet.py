"""FISTA with wavelets: least squares with an image of few wavelet coefficients."""

from __future__ import annotations

from scanmill.algorithms.reconstruction.fista import fista
from scanmill.algorithms.reconstruction.iteration import NON_NEGATIVE, Bounds, Callback
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


class Details:
    """Σ |c| over the detail coefficients of an orthonormal wavelet transform."""

    norm_squared = 1.0

    def __init__(self, transform: WaveletOp) -> None:
        self.analysis: LinearOperator = transform
        self._coarsest = transform.coarsest

    def value(self, coefficients: Array) -> float:
        """Σ |c| but for the coarsest image."""
        xp = xp_of(coefficients)
        whole = xp.sum(xp.abs(coefficients), dtype="float64")
        return float(whole - xp.sum(xp.abs(coefficients[self._coarsest]), dtype="float64"))

    def inside(self, dual: Array, radius: float) -> Array:
        """Every number cut to the radius; zero for the coarsest image."""
        inside = xp_of(dual).clip(dual, -radius, radius)
        inside[self._coarsest] = 0
        return inside
