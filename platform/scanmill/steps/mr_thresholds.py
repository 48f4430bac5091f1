"""Above which weight noise alone is reconstructed as nothing, for every sparse method."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from scanmill.arrays import Array, device_of, to_device, xp_of
from scanmill.steps.mr_iterative import Problem


def threshold(p: Problem, noise_std: float) -> tuple[float, float]:
    """The universal threshold, and for l+s that of the sparse part over that of the low rank (1 for the others).

    For tv and tgv, whose differences know no closed form, it is that of the Haar wavelet's details."""
    return _THRESHOLDS[p.params.method](p, noise_std)


def _universal(p: Problem, sparsity: Any, noise_std: float, op: Any = None) -> float:
    from scanmill.algorithms.reconstruction.mr.regularisation_weight import universal_threshold

    return universal_threshold(
        p.op if op is None else op,
        sparsity,
        noise_std=noise_std,
        sampled=_shares(p),
        seed=p.seed,
        device=device_of(p.y),
    )


def _shares(p: Problem) -> Array:
    """Where the data hold noise, and how much of it: the mask, or the roots of the density weights."""
    if p.block.sampling_mask is not None:
        return p.block.sampling_mask[:, None]
    if p.block.weights is None:
        return xp_of(p.y).ones(1, np.float32)
    return to_device(np.sqrt(p.block.weights).astype(np.float32), device_of(p.y))[:, None]


def _wavelet(p: Problem, noise_std: float) -> tuple[float, float]:
    return _universal(p, _details(p, p.params.wavelet), noise_std), 1.0


def _haar(p: Problem, noise_std: float) -> tuple[float, float]:
    return _universal(p, _details(p, "haar"), noise_std), 1.0


def _details(p: Problem, wavelet: Any) -> Any:
    from scanmill.algorithms.reconstruction.fista_wavelet import Details
    from scanmill.operators.wavelet import WaveletOp

    return Details(WaveletOp(p.op.in_shape, wavelet, axes=(-3, -2, -1), dtype=p.op.dtype))


def _blocks(p: Problem, noise_std: float) -> tuple[float, float]:
    from scanmill.algorithms.reconstruction.fista_nuclear import NuclearNorm

    n_sets, *voxels = p.op.in_shape[1:]
    return _universal(p, NuclearNorm(p.op, (n_sets, *(min(p.params.block, n) for n in voxels))), noise_std), 1.0


def _low_rank_and_sparse(p: Problem, noise_std: float) -> tuple[float, float]:
    """Each part by itself, the other one counting nothing."""
    from scanmill.algorithms.reconstruction.fista_nuclear import NuclearNorm
    from scanmill.algorithms.reconstruction.mr.low_rank_plus_sparse import LowRankPlusSparse
    from scanmill.operators.second_order import SumOp

    low = _universal(p, NuclearNorm(p.op), noise_std)
    both = p.op @ SumOp((2, *p.op.in_shape), dtype=p.op.dtype)
    sparse = _universal(p, LowRankPlusSparse(p.op, 1e30, 1.0), noise_std, both)
    return low, sparse / low if low > 0 else 1.0


def _steps_in_time(p: Problem, noise_std: float) -> tuple[float, float]:
    """The dual norm of Σ |x(t + 1) - x(t)| is the largest sum over the first frames of z less its mean over time."""
    rng = np.random.default_rng(p.seed)
    xp, levels = xp_of(p.y), []
    for _ in range(4):
        parts = rng.standard_normal((*p.y.shape, 2)).astype(np.float32)
        noise = to_device(parts.view(np.complex64)[..., 0], device_of(p.y)) * _shares(p)
        z = p.op.H(noise)
        levels.append(float(abs(xp.cumsum(z - z.mean(axis=0), axis=0)).max()))
    return noise_std * sum(levels) / len(levels), 1.0


_THRESHOLDS: Mapping[str, Callable[[Problem, float], tuple[float, float]]] = {
    "l1-wavelet": _wavelet,
    "radial-3d": _wavelet,
    "tv": _haar,
    "tgv": _haar,
    "llr": _blocks,
    "l+s": _low_rank_and_sparse,
    "grasp": _steps_in_time,
}
