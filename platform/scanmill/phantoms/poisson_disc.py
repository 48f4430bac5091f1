"""Sampling at random, but nowhere twice in one neighbourhood."""

from __future__ import annotations

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import SpecError
from scanmill.phantoms.sampling_masks import Pair, calibration_box

TOLERANCE = 0.02
"""How far the acceleration may stray from what was asked, relative."""
N_BISECTIONS = 24


def poisson_disc(
    shape: Pair,
    acceleration: float,
    *,
    seed: int,
    calibration: Pair = (0, 0),
    slope: float = 1.0,
    cuts_corners: bool = True,
) -> HostArray:
    """A variable-density Poisson disc over two encoded axes: bool ``shape``, same seed, same mask.

    No two samples outside the ``calibration`` box lie closer than the radius at the one chosen first, which grows as
    1 + ``slope`` ρ, ρ = 0 in the middle and 1 at the ends of the axes. The radius is searched until all samples
    together, the box too, come to ``shape`` / ``acceleration``. ``cuts_corners`` leaves out ρ > 1, as scanners do.
    R. Bridson, SIGGRAPH sketches 2007; for MRI: S. S. Vasanawala et al., ISBI 2011, 1039. Raises SpecError where the
    box alone is more, or where no radius reaches the acceleration.

    >>> mask = poisson_disc((64, 64), 4.0, seed=1, calibration=(8, 8))
    >>> bool(abs(mask.mean() - 0.25) < 0.01), bool(mask[28:36, 28:36].all())
    (True, True)
    """
    rho = np.sqrt(sum(c * c for c in np.meshgrid(*(_from_middle(n) for n in shape), indexing="ij")))
    box = calibration_box(shape, calibration)
    candidates = np.flatnonzero((~box & ((rho <= 1) | (not cuts_corners))).ravel())
    wanted = rho.size / acceleration
    if not int(box.sum()) < wanted <= box.sum() + len(candidates):
        raise SpecError(
            "no Poisson disc has this acceleration",
            expected=f"{rho.size / (box.sum() + len(candidates)):.2f} to {rho.size / max(int(box.sum()), 1):.2f}",
            got=acceleration,
        )
    order = np.random.default_rng(seed).permutation(candidates)
    growth = (1 + slope * rho).ravel()
    low, high = 0.0, float(max(shape))
    for _ in range(N_BISECTIONS):
        mask = _thrown(order, growth * (low + high) / 2, shape) | box
        if abs(mask.sum() / wanted - 1) <= TOLERANCE:
            return np.asarray(mask)
        low, high = ((low + high) / 2, high) if mask.sum() > wanted else (low, (low + high) / 2)
    raise SpecError("no radius gives this acceleration", got=acceleration, do="take another seed or slope")


def _from_middle(n: int) -> HostArray:
    """−1 to 1 along an axis, 0 at n // 2; an axis of one has only its middle."""
    return (np.arange(n) - n // 2) / max(n // 2, 1)


def _thrown(order: HostArray, radius: HostArray, shape: Pair) -> HostArray:
    """Take the points in their order unless one taken before covers them: all that is nearer than its radius."""
    reach = int(np.ceil(radius.max()))
    pads = [min(reach, n) for n in shape]
    width = shape[1] + 2 * pads[1]
    rows, columns = np.meshgrid(*(np.arange(-p, p + 1) for p in pads), indexing="ij")
    distance = np.hypot(rows, columns).ravel()
    nearest_first = np.argsort(distance, kind="stable")
    offsets = (rows * width + columns).ravel()[nearest_first]
    n_covered = np.searchsorted(distance[nearest_first], radius[order], side="left")
    places = (order // shape[1] + pads[0]) * width + order % shape[1] + pads[1]
    covered = np.zeros((shape[0] + 2 * pads[0]) * width, dtype=bool)
    mask = np.zeros(shape, dtype=bool)
    flat = mask.reshape(-1)
    for point, place, n in zip(order.tolist(), places.tolist(), n_covered.tolist(), strict=True):
        if not covered[place]:
            flat[point] = True
            covered[offsets[:n] + place] = True
    return mask
