"""Fusion by non-subsampled shearlets: edges are compared along their own direction."""

from __future__ import annotations

from collections.abc import Sequence

from scanmill.algorithms.fusion.images import stacked
from scanmill.algorithms.fusion.rules import Rule, combined_bands
from scanmill.arrays import Array, xp_of
from scanmill.operators.shearlet import DIRECTIONS, ShearletOp


def shearlets(
    images: Sequence[Array],
    *,
    rule: Rule = "max-abs",
    base: Rule = "average",
    directions: Sequence[int] = DIRECTIONS,
) -> Array:
    """Images (z, y, x) or (y, x) fused by ``rule`` in each band of their shearlets, slice by slice.

    ``directions`` is how many there are a scale, coarse to fine. Only one slice's bands are held at a time.

    Source: G. Easley, D. Labate, W.-Q. Lim, "Sparse directional image representations using the discrete shearlet
    transform", Appl. Comput. Harmon. Anal. 25 (2008) 25.
    """
    stack = stacked(images)
    op = ShearletOp(stack.shape[-2:], directions, dtype=stack.dtype)
    slices = stack.reshape(len(stack), -1, *stack.shape[-2:])
    fused = xp_of(stack).empty(slices.shape[1:], stack.dtype)
    for z in range(len(fused)):
        fused[z] = op.H(combined_bands(slices[:, z], op, rule, base))
    return fused.reshape(stack.shape[1:])
