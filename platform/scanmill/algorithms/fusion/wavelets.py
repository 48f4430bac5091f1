"""Fusion by wavelets: orthonormal (DWT) and undecimated (SWT)."""

from __future__ import annotations

from collections.abc import Sequence

from scanmill.algorithms.fusion.images import stacked
from scanmill.algorithms.fusion.rules import Rule, combine, combined_bands
from scanmill.arrays import Array, xp_of
from scanmill.operators.undecimated_wavelet import UndecimatedWaveletOp
from scanmill.operators.wavelet import LEVELS, Wavelet, WaveletOp


def dwt(
    images: Sequence[Array], *, rule: Rule = "max-abs", base: Rule = "average", n_levels: int = LEVELS,
    wavelet: Wavelet = "db2",
) -> Array:  # fmt: skip
    """Images (z, y, x) or (y, x) fused by ``rule`` among the details of their wavelets, by ``base`` in the coarsest.

    Quick and small, but a choice that changes from place to place shows the transform's grid; :func:`swt` does not.

    Source: H. Li, B. S. Manjunath, S. K. Mitra, "Multisensor image fusion using the wavelet transform", Graph. Models
    Image Process. 57 (1995) 235.
    """
    stack = stacked(images)
    op = WaveletOp(stack.shape, wavelet, n_levels=n_levels, axes=range(1, stack.ndim), dtype=stack.dtype)
    coefficients = op(stack)
    fused = xp_of(stack).empty_like(coefficients[0])
    corner, *details = [band[1:] for band in (op.coarsest, *op.details)]
    fused[corner] = combine(coefficients[(slice(None), *corner)], base)
    for band in details:
        fused[band] = combine(coefficients[(slice(None), *band)], rule)
    return _inverse(op, fused)


def _inverse(op: WaveletOp, coefficients: Array) -> Array:
    """One image of coefficients through an operator that is made for several."""
    one = xp_of(coefficients).zeros(op.in_shape, op.dtype)
    one[0] = coefficients
    return op.H(one)[0]


def swt(
    images: Sequence[Array], *, rule: Rule = "max-abs", base: Rule = "average", n_levels: int = LEVELS,
    wavelet: Wavelet = "db2",
) -> Array:  # fmt: skip
    """As :func:`dwt` without decimation: the choice moves with the images; memory for 1 + (2^d − 1) n_levels images.

    Source: O. Rockinger, "Image sequence fusion using a shift-invariant wavelet transform", Proc. ICIP 3 (1997) 288.
    """
    stack = stacked(images)
    op = UndecimatedWaveletOp(stack.shape[1:], wavelet, n_levels=n_levels, dtype=stack.dtype)
    return op.H(combined_bands(stack, op, rule, base))
