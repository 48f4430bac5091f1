"""POCS for partial Fourier: the missing part of k-space from the data and the phase of the image, in turn."""

from __future__ import annotations

from scanmill.algorithms.reconstruction.iteration import (
    Callback,
    IterationStatus,
    StoppingRule,
    norm,
    relative,
    squared_norm,
)
from scanmill.algorithms.reconstruction.mr.partial_fourier import AXES, acquired_bands, low_resolution_phase, mask_of
from scanmill.arrays import Array, xp_of
from scanmill.operators.fourier import FourierOp


def pocs(
    kspace: Array,
    sampling_mask: Array | None = None,
    *,
    n_iterations: int = 20,
    change_tolerance: float = 1e-4,
    callback: Callback | None = None,
) -> Array:
    """Full k-space by projections onto two convex sets: what was measured, and images of the phase φ.

        x ← Re(F⁻¹ k exp(-i φ)) exp(i φ)            k ← F x, and the data where they were acquired

    Haacke, Lindskog & Lin, J. Magn. Reson. 92 (1991) 126, with a real part of either sign in place of the magnitude,
    so that inverted signal may be negative; φ is the phase of the middle that was acquired with both signs, on every
    partial axis. Complex k-space (..., z, y, x), zero frequency at n // 2; coils stand in front as they are.
    ``sampling_mask`` broadcasts to (z, y, x); None: acquired is what is not zero.

    Of the status, the residual is what F x lacks of the data, the objective half its square, and the image x.
    """
    rule = StoppingRule(n_iterations, 0.0, change_tolerance, callback)
    xp, mask = xp_of(kspace), mask_of(kspace, sampling_mask)
    fourier = FourierOp(kspace.shape, AXES, dtype=kspace.dtype)
    phase = low_resolution_phase(kspace, acquired_bands(mask, kspace.shape[-3:]))
    k = kspace = xp.where(mask, kspace, 0)
    x, y_norm = fourier.H(k), norm(kspace)
    for iteration in range(1, n_iterations + 1):
        before, x = x, phase * (fourier.H(k) * phase.conj()).real
        estimate = fourier(x)
        squares = squared_norm(xp.where(mask, estimate - kspace, 0))
        k = xp.where(mask, kspace, estimate)
        status = IterationStatus(
            iteration,
            residual=relative(squares**0.5, y_norm),
            change=relative(norm(x - before), norm(x)),
            objective=0.5 * squares,
            image=x,
        )
        if rule.ends(status):
            break
    return k
