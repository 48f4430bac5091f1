"""The iterative methods of `ct.reconstruct`: what each takes from the job, and what scans it can take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scanmill.arrays import Array
from scanmill.data import Projections
from scanmill.steps.contract import Context
from scanmill.steps.ct_counts import blank_counts
from scanmill.steps.ct_params import ReconstructParams

if TYPE_CHECKING:
    from scanmill.algorithms.reconstruction.iteration import Bounds

DEFAULT_ITERATIONS: Mapping[str, int] = {
    "sirt": 50, "os-sart": 10, "sart": 3, "cgls": 20, "lsqr": 20, "tv": 200, "asd-pocs": 50, "wavelet": 100,
    "pwls": 20, "ml-tr": 20, "mlem": 50, "osem": 5,
}  # fmt: skip
VIEWS_PER_SUBSET = 10
"""pwls: with fewer its momentum may run away."""


@dataclass(frozen=True)
class Problem:
    """A projector with its data in float32, what the job asks for, and what every method takes alike."""

    op: Any
    y: Array
    scan: Projections
    params: ReconstructParams
    ctx: Context
    common: Mapping[str, Any]

    @property
    def bounds(self) -> Bounds:
        """Non-negative, or free."""
        return (0.0, None) if self.params.non_negative else (None, None)

    def subsets(self, views_each: int = 1) -> dict[str, Any]:
        """As many subsets as asked for, with at least so many views in each; and the seed of their order."""
        most = max(1, len(self.y) // views_each)
        return {"n_subsets": min(self.params.n_subsets, most), "seed": self.ctx.seed}

    def clipped(self, image: Array) -> Array:
        """The end of a method without bounds."""
        return image.clip(0) if self.params.non_negative else image


def _sirt(p: Problem) -> Array:
    from scanmill.algorithms.reconstruction.sirt import sirt

    return sirt(p.op, p.y, relaxation=p.params.relaxation, bounds=p.bounds, **p.common)


def _os_sart(p: Problem) -> Array:
    from scanmill.algorithms.reconstruction.os_sart import os_sart

    return os_sart(p.op, p.y, relaxation=p.params.relaxation, bounds=p.bounds, **p.subsets(), **p.common)


def _sart(p: Problem) -> Array:
    from scanmill.algorithms.reconstruction.sart import sart

    return sart(p.op, p.y, relaxation=p.params.relaxation, bounds=p.bounds, seed=p.ctx.seed, **p.common)


def _cgls(p: Problem) -> Array:
    from scanmill.algorithms.reconstruction.cgls import cgls

    return p.clipped(cgls(p.op, p.y, damping=p.params.damping, **p.common))


def _lsqr(p: Problem) -> Array:
    from scanmill.algorithms.reconstruction.lsqr import lsqr

    return p.clipped(lsqr(p.op, p.y, damping=p.params.damping, **p.common))


def _tv(p: Problem) -> Array:
    from scanmill.algorithms.reconstruction.pdhg_tv import pdhg_tv

    return pdhg_tv(p.op, p.y, weight=p.params.weight_of_prior, bounds=p.bounds, **p.common)


def _asd_pocs(p: Problem) -> Array:
    from scanmill.algorithms.reconstruction.asd_pocs import asd_pocs

    return asd_pocs(
        p.op,
        p.y,
        relaxation=p.params.relaxation,
        spacing=p.op.volume_geometry.spacing,
        bounds=p.bounds,
        **p.subsets(),
        **p.common,
    )


def _wavelet(p: Problem) -> Array:
    from scanmill.algorithms.reconstruction.fista_wavelet import fista_wavelet

    return fista_wavelet(
        p.op,
        p.y,
        weight=p.params.weight_of_prior,
        wavelet=p.params.wavelet,
        bounds=p.bounds,
        seed=p.ctx.seed,
        **p.common,
    )


def _pwls(p: Problem) -> Array:
    from scanmill.algorithms.reconstruction.photon_weights import photon_weights
    from scanmill.algorithms.reconstruction.pwls import pwls

    return pwls(
        p.op,
        p.y,
        photon_weights(p.scan),
        weight=p.params.weight_of_prior,
        delta=p.params.delta,
        penalty=p.params.penalty,
        spacing=p.op.volume_geometry.spacing,
        bounds=p.bounds,
        **p.subsets(VIEWS_PER_SUBSET),
        **p.common,
    )


def _ml_tr(p: Problem) -> Array:
    from scanmill.algorithms.reconstruction.ml_tr import ml_tr

    counts, blank = blank_counts(p.scan)
    return ml_tr(p.op, counts, blank, background=p.params.background, **p.subsets(), **p.common)


def _mlem(p: Problem) -> Array:
    from scanmill.algorithms.reconstruction.mlem import mlem

    return mlem(p.op, p.y, background=p.params.background, **p.common)


def _osem(p: Problem) -> Array:
    from scanmill.algorithms.reconstruction.osem import osem

    return osem(p.op, p.y, background=p.params.background, **p.subsets(), **p.common)


METHODS: Mapping[str, Callable[[Problem], Array]] = {
    "sirt": _sirt,
    "os-sart": _os_sart,
    "sart": _sart,
    "cgls": _cgls,
    "lsqr": _lsqr,
    "tv": _tv,
    "asd-pocs": _asd_pocs,
    "wavelet": _wavelet,
    "pwls": _pwls,
    "ml-tr": _ml_tr,
    "mlem": _mlem,
    "osem": _osem,
}
