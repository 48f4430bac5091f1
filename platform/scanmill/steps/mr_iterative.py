"""The iterative methods of `mr.reconstruct`: what each takes from the job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from scanmill.arrays import Array, device_of, to_device
from scanmill.steps.mr_blocks import Block
from scanmill.steps.mr_encoding import coil_encoding, coil_gram
from scanmill.steps.mr_params import ReconstructParams

DEFAULT_ITERATIONS: Mapping[str, int] = {
    "pocs": 20, "spirit": 30, "cg-sense": 30, "l1-wavelet": 50, "tv": 100, "tgv": 100, "llr": 50, "l+s": 50,
    "nlinv": 8, "grasp": 60, "radial-3d": 20,
}  # fmt: skip
SPARSE = ("l1-wavelet", "tv", "tgv", "llr", "l+s", "grasp", "radial-3d")
"""Methods with a weight that is found unless it is given."""
SENSE = ("cg-sense", *SPARSE)
"""Methods that need coil sensitivities and the operator of them."""
BY_SLICE = ("llr", "l+s", "grasp")
"""Methods whose frames share a prior: all frames of a slice are one problem."""


@dataclass(frozen=True, eq=False)
class Problem:
    """A block of k-space, what the job asks for, and who hears of the iterations.

    ``y`` are the data of ``op``, which takes images (batch, set, z, y, x); of a method without one, those of the
    block. ``weight`` and ``sparse_weight`` are those of the penalty in the units of ``y``. ``metrics`` takes what a
    method tells beside its image.
    """

    block: Block
    params: ReconstructParams
    n_iterations: int
    progress: Callable[[Any], None]
    y: Array
    op: Any = None
    seed: int = 0
    weight: float = 0.0
    sparse_weight: float = 0.0
    metrics: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, block: Block, params: ReconstructParams, progress: Callable[[Any], None], seed: int) -> Problem:
        """The problem of a block, with √W M F S as its operator where the method needs one."""
        from scanmill.operators.sense import sense_op

        n_iterations = params.n_iterations or DEFAULT_ITERATIONS.get(params.method, 1)
        plain = cls(block, params, n_iterations, progress, block.y, seed=seed)
        if params.method not in SENSE:
            return plain
        op = sense_op(
            block.coil_sensitivities,
            sampling_mask=block.sampling_mask,
            points=block.points,
            weights=block.weights,
            batch=block.n_items,
            normal="toeplitz",  # by name: what the clock chooses would not be the same bytes again
        )
        if block.weights is None:
            return replace(plain, op=op)
        root = to_device(np.sqrt(block.weights).astype(np.float32), device_of(block.y))
        return replace(plain, op=op, y=block.y * root[:, None])

    @property
    def common(self) -> dict[str, Any]:
        """What every iteration takes alike."""
        return {
            "n_iterations": self.n_iterations,
            "residual_tolerance": self.params.residual_tolerance,
            "callback": self.progress,
        }

    @property
    def sparse(self) -> dict[str, Any]:
        """What every sparse method takes alike."""
        return {
            **self.common,
            "change_tolerance": self.params.change_tolerance,
            "weight": self.weight,
            "seed": self.seed,
        }


def _cg_sense(p: Problem) -> Array:
    from scanmill.algorithms.reconstruction.mr import cg_sense

    return cg_sense(p.op, p.y, weight=p.weight, change_tolerance=p.params.change_tolerance, **p.common)


def _l1_wavelet(p: Problem) -> Array:
    from scanmill.algorithms.reconstruction.mr.l1_wavelet import l1_wavelet

    return l1_wavelet(p.op, p.y, wavelet=p.params.wavelet, **p.sparse)


def _tv(p: Problem) -> Array:
    from scanmill.algorithms.reconstruction.mr.tv import tv

    return tv(p.op, p.y, **p.sparse)


def _tgv(p: Problem) -> Array:
    from scanmill.algorithms.reconstruction.mr.tgv import tgv

    return tgv(p.op, p.y, second_order=p.params.second_order, **p.sparse)


def _llr(p: Problem) -> Array:
    from scanmill.algorithms.reconstruction.mr.locally_low_rank import locally_low_rank

    return locally_low_rank(p.op, p.y, block=p.params.block, **p.sparse)


def _low_rank_plus_sparse(p: Problem) -> Array:
    from scanmill.algorithms.reconstruction.mr.low_rank_plus_sparse import low_rank_plus_sparse

    still, moving = low_rank_plus_sparse(p.op, p.y, sparse_weight=p.sparse_weight, **p.sparse)
    return still + moving


def _grasp(p: Problem) -> Array:
    from scanmill.algorithms.reconstruction.mr.grasp import grasp

    return grasp(p.op, p.y, **p.sparse)


def _nlinv(p: Problem) -> Array:
    from scanmill.algorithms.reconstruction.mr import nlinv

    image, _ = nlinv(
        coil_encoding(p.block), p.y, gram=coil_gram(p.block), n_iterations=p.n_iterations, callback=p.progress
    )
    return image


def _radial_3d(p: Problem) -> Array:
    from scanmill.algorithms.reconstruction.mr.radial_3d import radial_3d

    block = p.block
    assert block.points is not None
    assert block.weights is not None
    assert block.coil_sensitivities is not None
    image, report = radial_3d(
        block.y[0],
        block.points[0],
        block.coil_sensitivities[0],
        block.weights[0],
        strategy=p.params.strategy,
        wavelet=p.params.wavelet,
        device=device_of(block.y),
        **p.sparse,
    )
    if p.params.module_times:
        p.metrics.update({f"seconds_{name.replace(' ', '_')}": seconds for name, seconds in report.seconds.items()})
    return to_device(image, device_of(block.y))[None]


METHODS: Mapping[str, Callable[[Problem], Array]] = {
    "cg-sense": _cg_sense,
    "l1-wavelet": _l1_wavelet,
    "tv": _tv,
    "tgv": _tgv,
    "llr": _llr,
    "l+s": _low_rank_plus_sparse,
    "grasp": _grasp,
    "nlinv": _nlinv,
    "radial-3d": _radial_3d,
}
