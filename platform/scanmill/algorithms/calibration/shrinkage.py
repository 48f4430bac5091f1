"""How far singular values should be lowered so that the least error is left."""

from __future__ import annotations

import numpy as np

from scanmill.arrays import HostArray

N_CANDIDATES = 200


def sure_threshold(singular_values: HostArray, shape: tuple[int, int], sigma: float) -> float:
    """The threshold λ of least expected error for (σ − λ)₊, where a complex matrix has noise of ``sigma``.

    It minimises Stein's unbiased estimate of the risk,

        −m n s² + Σ min(λ², σ²) + s² Σᵢ [1(σᵢ > λ) + (2 |m − n| + 1)(1 − λ/σᵢ)₊ + 4 Σⱼ σᵢ (σᵢ − λ)₊ / (σᵢ² − σⱼ²)]

    with s = ``sigma`` the deviation of a complex entry: E. J. Candès, C. A. Sing-Long, J. D. Trzasko, IEEE Trans.
    Signal Process. 61 (2013) 4643, eq. 9. For the matrices of ESPIRiT (whose entries repeat, so that it is no longer
    unbiased): Iyer et al., Magn. Reson. Med. 84 (2020) 3423.

    >>> bool(sure_threshold(np.array([100.0, 1.1, 1.0, 0.9]), (30, 4), 0.2) < 3)
    True
    """
    m, n = shape
    values = np.asarray(singular_values, dtype=np.float64)[: min(m, n)]
    values = values[values > 1e-9 * values[0]] if len(values) and values[0] > 0 else values[:0]
    if sigma <= 0 or not len(values):
        return 0.0
    squares = values**2
    gaps = squares[:, None] - squares
    np.fill_diagonal(gaps, np.inf)
    repeated = np.abs(gaps) < 1e-12 * squares[0]
    pull = (values[:, None] / np.where(repeated, np.inf, gaps)).sum(axis=1)
    candidates = np.geomspace(values[-1] / 2, values[0], N_CANDIDATES)
    left = np.maximum(values - candidates[:, None], 0)
    divergence = ((left > 0) + (2 * abs(m - n) + 1) * left / values + 4 * left * pull).sum(axis=1)
    risk = np.minimum(candidates[:, None], values).__pow__(2).sum(axis=1) + sigma**2 * divergence
    return float(candidates[risk.argmin()])
