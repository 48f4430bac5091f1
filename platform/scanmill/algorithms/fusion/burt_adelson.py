"""REDUCE and EXPAND: the two halves of image pyramids.

P. J. Burt, E. H. Adelson, "The Laplacian pyramid as a compact image code", IEEE Trans. Commun. 31 (1983) 532, with the
weights (1, 4, 6, 4, 1) / 16 (a = 0.375). Images are mirrored at the rim. Axis 0 counts images, the others are theirs;
those shorter than `SHORTEST` stay as they are, so that a slice, or a thin stack, is thinned out in its plane only.
"""

from __future__ import annotations

from scanmill.arrays import Array, ndimage_of, xp_of

WEIGHTS = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
SHORTEST = 8
LEVELS = 4


def halved_axes(shape: tuple[int, ...]) -> list[int]:
    """Which axes of (n, ...) the next level halves."""
    return [axis for axis, n in enumerate(shape) if axis > 0 and n >= SHORTEST]


def reduce_by_half(stack: Array) -> Array:
    """Every second sample along `halved_axes` after the low pass; n becomes (n + 1) // 2."""
    weights = xp_of(stack).asarray(WEIGHTS)
    for axis in halved_axes(stack.shape):
        smooth = ndimage_of(stack).convolve1d(stack, weights, axis, mode="mirror")
        stack = smooth[tuple(slice(None, None, 2) if a == axis else slice(None) for a in range(stack.ndim))]
    return stack


def expand_to(stack: Array, shape: tuple[int, ...]) -> Array:
    """The samples of `reduce_by_half` interpolated to the ``shape`` from which they came; constants stay constant."""
    xp = xp_of(stack)
    weights = 2 * xp.asarray(WEIGHTS)
    for axis in reversed(halved_axes(shape)):
        spread = xp.zeros((*stack.shape[:axis], shape[axis], *stack.shape[axis + 1 :]), stack.dtype)
        spread[tuple(slice(None, None, 2) if a == axis else slice(None) for a in range(stack.ndim))] = stack
        stack = ndimage_of(stack).convolve1d(spread, weights, axis, mode="mirror")
    return stack
