"""Views in order of their angle, beginning where an arc begins."""

from __future__ import annotations

import numpy as np

from scanmill.arrays import HostArray


def angular_order(angles: HostArray, *, tolerance_rad: float = 1e-9) -> tuple[HostArray, HostArray]:
    """The order in which angles (rad, modulo a whole turn) grow after their widest gap, and the gap before each.

    Gaps within ``tolerance_rad`` of the widest count as equal, and the one that leads to the least angle in [0, 2π)
    is taken, so an even whole turn begins near 0.

    >>> order, gaps = angular_order(np.deg2rad([10.0, 350.0, 0.0]))
    >>> order.tolist(), np.rad2deg(gaps).round(6).tolist()
    ([1, 2, 0], [340.0, 10.0, 10.0])
    """
    turned = np.asarray(angles, dtype=np.float64) % (2 * np.pi)
    order = np.argsort(turned, kind="stable")
    gaps = np.diff(turned[order], prepend=turned[order[-1]] - 2 * np.pi)
    begin = int(np.argmax(gaps > gaps.max() - tolerance_rad))
    return np.roll(order, -begin), np.roll(gaps, -begin)
