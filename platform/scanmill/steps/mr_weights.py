"""The weight of a sparse method: as the job gives it, or found from the noise of the data."""

from __future__ import annotations

from dataclasses import replace

from scanmill.arrays import Array
from scanmill.steps.mr_iterative import METHODS, Problem
from scanmill.steps.mr_thresholds import threshold

N_EVALUATIONS, N_ITERATIONS = 7, 15
"""What the search of a weight spends: pairs of reconstructions of so many iterations."""
LEAST = 1e-3
"""The least weight that is looked at, in parts of the universal threshold."""
OF_THRESHOLD = 0.1
"""With a density compensation, whose noise is not white, the weight is this part of the universal threshold."""


def weights_of(p: Problem, noise_std: float) -> tuple[float, float]:
    """The weight of the penalty and, for l+s, that of its sparse part, in the units of the data.

    A given weight counts in parts of the greatest voxel of Aᴴ y. Else it is that of the least risk by Stein's estimate,
    looked for below the universal threshold (see `regularisation_weight`).
    """
    params = p.params
    if params.weight is not None:
        top = float(abs(p.op.H(p.y)).max())
        sparse = params.weight if params.sparse_weight is None else params.sparse_weight
        return params.weight * top, sparse * top
    highest, ratio = threshold(p, noise_std)
    weight = OF_THRESHOLD * highest if p.block.weights is not None else _of_least_risk(p, noise_std, highest, ratio)
    return weight, ratio * weight


def _of_least_risk(p: Problem, noise_std: float, highest: float, ratio: float) -> float:
    from scanmill.algorithms.reconstruction.mr.regularisation_weight import estimated_risk, least_risk

    if highest == 0:
        return 0.0
    mask = p.block.sampling_mask
    quiet = replace(p, n_iterations=min(p.n_iterations, N_ITERATIONS), progress=_unheard)

    def risk(weight: float) -> float:
        def reconstruct(y: Array) -> Array:
            return METHODS[p.params.method](replace(quiet, y=y, weight=weight, sparse_weight=ratio * weight))

        sampled = None if mask is None else mask[:, None]
        return estimated_risk(reconstruct, p.op, p.y, noise_std=noise_std, sampled=sampled, seed=p.seed)

    return least_risk(risk, LEAST * highest, highest, n_evaluations=N_EVALUATIONS)


def _unheard(status: object) -> None:
    """Tells nobody."""
