"""One level of an orthonormal wavelet transform along one axis, and its inverse.

Arrays are real (outer, n, inner), with the axis in the middle; complex numbers are pairs along ``inner``. ``filters``
(2, taps) are h (smooth) and g (detail). A transformed axis holds the smooth half, then the last sample of an odd axis
as it is, then the details; it goes on periodically.

    s[k] = Σ h[j] x[2 k + j],  d[k] = Σ g[j] x[2 k + j],     x[2 k + p] = Σ h[2 j + p] s[k - j] + g[2 j + p] d[k - j]

Where ``inner`` is long a pair k is owned, where it is one number a line: there the even and the odd samples are put
apart first, for only so the sums over neighbours vectorise.
"""

from __future__ import annotations

from typing import Any

from scanmill.kernels.launch import Kernel, compiled, driver, prange


@compiled
def add_to_both(line: Any, a: Any, b: Any, first: Any, second: Any) -> None:
    """``first`` += a ``line``, ``second`` += b ``line``."""
    for i in range(first.shape[0]):
        first[i] += a * line[i]
        second[i] += b * line[i]


@compiled
def copy_line(line: Any, out: Any) -> None:
    """``out`` = ``line``."""
    for i in range(out.shape[0]):
        out[i] = line[i]


@compiled
def split_pair(owner: int, x: Any, filters: Any, out: Any) -> None:
    """One smooth and one detail of ``out``, all of ``inner``."""
    real = out.dtype.type
    n, taps = x.shape[1], filters.shape[1]
    half = n // 2
    o, k = owner // half, owner % half
    smooth, detail = out[o, k], out[o, n - half + k]
    for i in range(smooth.shape[0]):
        smooth[i] = real(0)
        detail[i] = real(0)
    for j in range(taps):
        m = 2 * k + j
        m = m if m < 2 * half else m - 2 * half
        add_to_both(x[o, m], filters[0, j], filters[1, j], smooth, detail)
    if n % 2 and k == 0:
        copy_line(x[o, n - 1], out[o, half])


@driver
def _split_pairs(n: int, x: Any, filters: Any, out: Any) -> None:
    for owner in prange(n):
        split_pair(owner, x, filters, out)


@compiled
def join_pair(owner: int, y: Any, filters: Any, out: Any) -> None:
    """Two neighbours of ``out``, all of ``inner``: the transpose of `split_pair`."""
    real = out.dtype.type
    n, reach = y.shape[1], filters.shape[1] // 2
    half = n // 2
    o, k = owner // half, owner % half
    even, odd = out[o, 2 * k], out[o, 2 * k + 1]
    for i in range(even.shape[0]):
        even[i] = real(0)
        odd[i] = real(0)
    for j in range(reach):
        m = k - j
        m = m if m >= 0 else m + half
        add_to_both(y[o, m], filters[0, 2 * j], filters[0, 2 * j + 1], even, odd)
        add_to_both(y[o, n - half + m], filters[1, 2 * j], filters[1, 2 * j + 1], even, odd)
    if n % 2 and k == 0:
        copy_line(y[o, half], out[o, n - 1])


@driver
def _join_pairs(n: int, y: Any, filters: Any, out: Any) -> None:
    for owner in prange(n):
        join_pair(owner, y, filters, out)


@compiled
def split_line(owner: int, x: Any, filters: Any, inner: int, apart: Any, out: Any) -> None:
    """One line of ``out`` (line, n inner), a number being ``inner`` = 1 or 2 reals.

    ``apart`` (line, 2, (n // 2 + taps // 2) inner) is scratch.
    """
    real = out.dtype.type
    line, even, odd, reach = x[owner], apart[owner, 0], apart[owner, 1], inner * (filters.shape[1] // 2)
    rest = line.shape[0] // inner % 2 * inner
    half = (line.shape[0] - rest) // 2
    if inner == 2:
        for k in range(half // 2):
            even[2 * k], even[2 * k + 1] = line[4 * k], line[4 * k + 1]
            odd[2 * k], odd[2 * k + 1] = line[4 * k + 2], line[4 * k + 3]
    else:
        for k in range(half):
            even[k], odd[k] = line[2 * k], line[2 * k + 1]
    for i in range(reach):
        even[half + i] = even[i]
        odd[half + i] = odd[i]
    smooth, detail = out[owner, :half], out[owner, half + rest :]
    for i in range(half):
        smooth[i] = real(0)
        detail[i] = real(0)
    for j in range(filters.shape[1] // 2):
        add_to_both(even[inner * j :], filters[0, 2 * j], filters[1, 2 * j], smooth, detail)
        add_to_both(odd[inner * j :], filters[0, 2 * j + 1], filters[1, 2 * j + 1], smooth, detail)
    copy_line(line[2 * half :], out[owner, half : half + rest])


@driver
def _split_lines(n: int, x: Any, filters: Any, inner: int, apart: Any, out: Any) -> None:
    for owner in prange(n):
        split_line(owner, x, filters, inner, apart, out)


@compiled
def join_line(owner: int, y: Any, filters: Any, inner: int, apart: Any, out: Any) -> None:
    """One line of ``out``: the transpose of `split_line`."""
    real = out.dtype.type
    line, even, odd, reach = out[owner], apart[owner, 0], apart[owner, 1], filters.shape[1] // 2
    rest = line.shape[0] // inner % 2 * inner
    half = (line.shape[0] - rest) // 2
    smooth, detail = y[owner, :half], y[owner, half + rest :]
    for i in range(half):
        even[i] = real(0)
        odd[i] = real(0)
    for j in range(reach):
        at = inner * j
        for part, band in ((smooth, filters[0]), (detail, filters[1])):
            add_to_both(part, band[2 * j], band[2 * j + 1], even[at:half], odd[at:half])
            add_to_both(part[half - at :], band[2 * j], band[2 * j + 1], even[:at], odd[:at])
    if inner == 2:
        for k in range(half // 2):
            line[4 * k], line[4 * k + 1] = even[2 * k], even[2 * k + 1]
            line[4 * k + 2], line[4 * k + 3] = odd[2 * k], odd[2 * k + 1]
    else:
        for k in range(half):
            line[2 * k], line[2 * k + 1] = even[k], odd[k]
    copy_line(y[owner, half : half + rest], line[2 * half :])


@driver
def _join_lines(n: int, y: Any, filters: Any, inner: int, apart: Any, out: Any) -> None:
    for owner in prange(n):
        join_line(owner, y, filters, inner, apart, out)


SPLIT_PAIRS = Kernel("wavelet.split_pairs", split_pair, _split_pairs)
JOIN_PAIRS = Kernel("wavelet.join_pairs", join_pair, _join_pairs)
SPLIT_LINES = Kernel("wavelet.split_lines", split_line, _split_lines)
JOIN_LINES = Kernel("wavelet.join_lines", join_line, _join_lines)
