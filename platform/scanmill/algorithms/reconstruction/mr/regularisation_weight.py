"""The weight of a sparsity from the noise: the quantile universal threshold, and the least estimated risk (SURE)."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from scanmill.algorithms.reconstruction.data_term import NormalEquations
from scanmill.algorithms.reconstruction.items import item_dot
from scanmill.algorithms.reconstruction.iteration import data_of, squared_norm
from scanmill.algorithms.reconstruction.sparsity import Sparsity
from scanmill.arrays import Array, device_of, to_device, xp_of
from scanmill.errors import InputError, SpecError
from scanmill.operators import LinearOperator

GOLDEN = (math.sqrt(5) - 1) / 2


def noise_level(samples: Array) -> float:
    """The standard deviation σ of the real and of the imaginary part of samples without signal, by their median.

    The magnitudes of such samples are Rayleigh distributed, with the median σ √(2 ln 2): a few samples with signal do
    no harm. Take noise scans, or the outermost samples of k-space. Whitened data have σ = 1 or √(1/2), by convention.

    >>> rng = np.random.default_rng(0)
    >>> round(noise_level(rng.normal(0, 3, 10000) + 1j * rng.normal(0, 3, 10000)), 1)
    3.0
    """
    if samples.size == 0:
        raise InputError("a noise level needs samples", got=samples.shape)
    return float(xp_of(samples).median(abs(samples))) / math.sqrt(2 * math.log(2))


def universal_threshold(
    op: LinearOperator,
    sparsity: Sparsity,
    *,
    noise_std: float,
    sampled: Array | None = None,
    n_draws: int = 8,
    seed: int = 0,
    device: str = "cpu",
) -> float:
    """The weight α above which noise alone is reconstructed as nothing: E max |K Aᴴ n|, from ``n_draws`` seeded n.

    The quantile universal threshold of Giacobino, Sardy, Diaz-Rodriguez, Hengartner, Electron. J. Stat. 11 (2017) 4701,
    section 2: the level of the dual norm of Aᴴ n, here its mean; for A = 1 and wavelets the σ √(2 ln N) of Donoho &
    Johnstone, Biometrika 81 (1994) 425. The sparsity is one with a unitary K, of any kind; its dual norm is found by
    bisection. ``noise_std`` is σ of the real and of the imaginary part; ``sampled`` (bool, as the data) tells where
    there is noise. It spares no noise and blurs what is below it: the upper end of the useful weights.
    """
    if not sparsity.unitary:
        raise SpecError("a universal threshold needs a sparsity with a unitary analysis", got=type(sparsity).__name__)
    if not noise_std >= 0 or n_draws < 1:
        raise SpecError("a universal threshold needs a noise level and a draw", got=(noise_std, n_draws))
    levels = []
    for draw in range(n_draws):
        noise = _complex_normal(op.out_shape, op.dtype, (seed, draw), device)
        noise = noise if sampled is None else noise * sampled
        levels.append(_dual_norm(sparsity, sparsity.analysis(op.H(noise))))
    return noise_std * sum(levels) / n_draws


def estimated_risk(
    reconstruct: Callable[[Array], Array],
    op: LinearOperator,
    y: Array,
    *,
    noise_std: float,
    sampled: Array | None = None,
    step: float = 0.1,
    seed: int = 0,
) -> float:
    """An unbiased estimate of ‖A x̂ - A x‖² / ‖noise‖² for x̂ = ``reconstruct(y)`` of y = A x + noise, without x.

        ‖A x̂ - y‖² - n σ² + 2 σ² div,   div ≈ Re ⟨Aᴴ b, x̂(y + ε b) - x̂(y)⟩ / ε,   ε = ``step`` σ,   over n σ²

    Stein, Ann. Stat. 9 (1981) 1135; the divergence by one random b of ±1 (Ramani, Blu & Unser, IEEE Trans. Image
    Process. 17 (2008) 1540, alg. 1), in parallel MRI Weller, Ramani, Nielsen & Fessler, Magn. Reson. Med. 71 (2014)
    1760. It holds for whatever ``reconstruct`` does, before convergence too, if it does the same again. n counts
    real and imaginary parts, σ = ``noise_std`` is that of either; of Cartesian data ``sampled`` (bool, as the data)
    tells which were measured.
    """
    if not noise_std > 0:
        raise SpecError("an estimate of the risk needs a noise level", expected="noise_std > 0", got=noise_std)
    y, xp = data_of(op, y), xp_of(y)
    rng = np.random.default_rng(seed)
    signs = (rng.integers(2, size=(*y.shape, 2)) * 2.0 - 1).astype(y.real.dtype)
    b = to_device(signs[..., 0] + 1j * signs[..., 1], device_of(y)).astype(y.dtype)
    b = b if sampled is None else b * sampled
    epsilon = step * noise_std
    x = reconstruct(y)
    divergence = float(item_dot(op.H(b), reconstruct(y + epsilon * b) - x, None)) / epsilon
    data = NormalEquations(op, y)
    n = float(xp.count_nonzero(b)) * 2
    squares = 2 * float(data.value(x, data.image_of(x)))
    return (squares - n * noise_std**2 + 2 * noise_std**2 * divergence) / (n * noise_std**2)


def least_risk(risk: Callable[[float], float], lowest: float, highest: float, *, n_evaluations: int = 9) -> float:
    """The weight between ``lowest`` and ``highest`` of the least ``risk(weight)``, by golden section of its logarithm.

    Kiefer, Proc. Am. Math. Soc. 4 (1953) 502: for a risk with one valley, after n evaluations within 0.62ⁿ⁻¹ of the
    range. ``highest`` is well chosen as the `universal_threshold`, ``lowest`` as a thousandth of it.

    >>> round(least_risk(lambda w: math.log(w / 0.03) ** 2, 1e-4, 1.0, n_evaluations=25), 3)
    0.03
    """
    if not 0 < lowest < highest or n_evaluations < 2:
        raise SpecError("wrong range of weights", expected="0 < lowest < highest", got=(lowest, highest))
    low, high = math.log(lowest), math.log(highest)
    inner = [high - GOLDEN * (high - low), low + GOLDEN * (high - low)]
    values = [risk(math.exp(at)) for at in inner]
    for _ in range(n_evaluations - 2):
        if values[0] < values[1]:
            high, inner, values = inner[1], [0.0, inner[0]], [0.0, values[0]]
            inner[0] = high - GOLDEN * (high - low)
            values[0] = risk(math.exp(inner[0]))
        else:
            low, inner, values = inner[0], [inner[1], 0.0], [values[1], 0.0]
            inner[1] = low + GOLDEN * (high - low)
            values[1] = risk(math.exp(inner[1]))
    return math.exp(inner[0] if values[0] < values[1] else inner[1])


def _complex_normal(shape: tuple[int, ...], dtype: np.dtype[np.generic], seed: tuple[int, int], device: str) -> Array:
    """Noise with real and imaginary parts of variance 1."""
    rng = np.random.default_rng(seed)
    parts = rng.standard_normal((*shape, 2))
    return to_device(parts.view(np.complex128)[..., 0].astype(dtype), device)


def _dual_norm(sparsity: Sparsity, coefficients: Array) -> float:
    """The least radius whose ball holds the coefficients, within 1 %: those lowered by it are zero."""
    low, high = 0.0, math.sqrt(squared_norm(coefficients))
    while high - low > 0.01 * high:
        middle = (low + high) / 2
        kept = squared_norm(sparsity.lowered(coefficients, middle))
        low, high = (middle, high) if kept > 1e-12 * high**2 else (low, middle)
    return high
