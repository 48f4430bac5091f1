"""Local binary patterns: which points on a circle are as bright as its middle, and whether they are one run.

``image`` (planes, y, x) is padded by ``reach`` pixels of zeros on each side of y and x; ``out`` (planes, y, x) is not.
A point of the circle lies ``parts`` (point, yx) of a pixel beyond the upper left of its four neighbours, which is at
``corners`` (point, yx) in the padded image if the middle is at (reach, reach). An owner computes ``run`` pixels of a
row, all of them for one point after another, since this vectorises for any number of points.
"""

from __future__ import annotations

from typing import Any

from scanmill.kernels.launch import Kernel, compiled, driver, prange

COUNT_BITS = 2**15 - 1
"""While an owner works, a pixel of ``out`` holds the last point's bit, 15 bits of bright points, and the changes."""


@compiled
def is_bright(above: Any, below: Any, i: int, down: Any, right: Any, least: Any) -> int:
    """1 where the value between pixels i and i + 1 of two rows is not below ``least``, else 0; exact between equals."""
    upper = above[i] + right * (above[i + 1] - above[i])
    lower = below[i] + right * (below[i + 1] - below[i])
    return 1 if upper + down * (lower - upper) >= least else 0


@compiled
def patterns(owner: int, image: Any, corners: Any, parts: Any, reach: int, tie: Any, run: int, out: Any) -> None:
    """A run of ``out``: the number of bright points where they are one run, else one more than there are points.

    A point is bright if its value is not below the middle's less ``tie``.
    """
    ny, nx = out.shape[1:]
    n_runs, n_points = (nx + run - 1) // run, corners.shape[0]
    first, row = owner % n_runs * run, owner // n_runs
    plane, y = image[row // ny], row % ny
    codes, middle = out[row // ny, y, first : min(first + run, nx)], plane[y + reach, first + reach :]
    for turn in range(-1, n_points):
        point = (turn + n_points) % n_points
        top, left = y + corners[point, 0], first + corners[point, 1]
        above, below = plane[top, left:], plane[top + 1, left:]
        down, right = parts[point, 0], parts[point, 1]
        if turn < 0:  # the last point: the one before the first
            for i in range(codes.shape[0]):
                codes[i] = is_bright(above, below, i, down, right, middle[i] - tie)
        else:
            for i in range(codes.shape[0]):
                bright, last = is_bright(above, below, i, down, right, middle[i] - tie), codes[i] & 1
                codes[i] += bright - last + (bright << 1) + ((bright ^ last) << 16)
    for i in range(codes.shape[0]):
        codes[i] = (codes[i] >> 1) & COUNT_BITS if codes[i] >> 16 <= 2 else n_points + 1


@driver
def _patterns(n: int, image: Any, corners: Any, parts: Any, reach: int, tie: Any, run: int, out: Any) -> None:
    for owner in prange(n):
        patterns(owner, image, corners, parts, reach, tie, run, out)


PATTERNS = Kernel("patterns", patterns, _patterns)
