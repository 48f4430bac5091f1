"""Which pixels lie in a polygon."""

from __future__ import annotations

import numpy as np

from scanmill.arrays import HostArray


def inside_polygon(vertices: HostArray, shape: tuple[int, int]) -> HostArray:
    """The pixels (y, x) whose centres lie in the closed polygon of ``vertices`` (n, 2), (x, y), by the even-odd rule.

    Of a pixel on an edge, the edge belongs to the side of growing x and y, so that two polygons that share an edge
    share no pixel.

    >>> inside_polygon(np.array([[0.5, -1.0], [2.5, -1.0], [2.5, 1.5], [0.5, 1.5]]), (3, 4)).astype(int).tolist()
    [[0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    """
    n_rows, n_columns = shape
    crossed = np.zeros((n_rows, n_columns + 1), dtype=np.int64)
    starts, ends = vertices, np.roll(vertices, -1, axis=0)
    for (x0, y0), (x1, y1) in zip(starts.tolist(), ends.tolist(), strict=True):
        low, high = max(0.0, min(y0, y1)), min(float(n_rows), max(y0, y1))
        rows = np.arange(np.ceil(low), np.ceil(high), dtype=np.int64)
        if len(rows):
            at = x0 + (rows - y0) * ((x1 - x0) / (y1 - y0))
            crossed[rows, np.clip(np.ceil(at), 0, n_columns).astype(np.int64)] += 1
    return np.asarray(crossed[:, :-1].cumsum(axis=1) % 2 == 1)
