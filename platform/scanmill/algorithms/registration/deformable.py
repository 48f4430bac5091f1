"""Deformable registration: the smooth map that takes every point of one image to its like in another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from scanmill.algorithms.registration.dense.beginning import Beginning, begin
from scanmill.algorithms.registration.dense.choice import Metric, choose
from scanmill.algorithms.registration.dense.free_form import CELL, free_form
from scanmill.algorithms.registration.dense.greedy import DemonsSmoothness, MeasureOf, greedy
from scanmill.algorithms.registration.dense.lattice import Lattice
from scanmill.algorithms.registration.dense.pair import check_pair
from scanmill.algorithms.registration.dense.progress import Callback, Outcome
from scanmill.algorithms.registration.dense.result import registration_of
from scanmill.algorithms.registration.dense.svf import stationary_velocity
from scanmill.algorithms.registration.dense.symmetric import symmetric
from scanmill.algorithms.registration.registration import Registration
from scanmill.data import Labels, Volume
from scanmill.data.transforms import Transform
from scanmill.errors import SpecError

Method = Literal["greedy", "demons", "svf", "syn", "ffd"]


def register_deformable(
    fixed: Volume,
    moving: Volume,
    *,
    method: Method = "greedy",
    metric: Metric = "auto",
    start: Transform | None = None,
    fixed_mask: Labels | None = None,
    factors: Sequence[int] = (4, 2, 1),
    max_iterations: Sequence[int] = (10, 10, 20),
    callback: Callback | None = None,
) -> Registration:
    """The transform from ``fixed`` points to ``moving`` ones that makes the images alike, ``start`` (affine) included.

    ``greedy`` composes small smooth steps; ``demons`` does too, each voxel on its own; ``svf`` adds them up to a
    velocity, with an exact way back; ``syn`` moves both images to a middle, with a way back; ``ffd`` bends a lattice of
    B-splines, the most accurate where the true map is smooth.

    ``metric``: ``lncc`` is the local correlation of images whose contrast is the same; ``ratio`` gives the fixed image
    the moving one's colours before, for any other contrast that is a function of the fixed one's; ``squared_lncc``
    also takes a contrast that is locally inverted; ``mind`` compares self-similarities; ``ssd`` is for equal
    intensities; ``auto`` takes ``lncc`` or ``ratio`` by the correlation's sign.
    Only voxels in ``fixed_mask`` count, if there is one. At each level the fixed image is thinned out by one of
    ``factors``. The result is bit-identical for any number of threads; nothing folds.

    Raises InputError for images that are constant, not finite or do not overlap, a mask on another grid, one plane
    beside many, a start that is not affine but for ``greedy`` and ``demons``, and ``lncc`` where bright lies on dark;
    ConvergenceError where the similarity is lost; SpecError for what is not offered.
    """
    _check(method, factors, max_iterations)
    check_pair(fixed, moving, fixed_mask)
    beginning = begin(fixed, moving, start, fixed_mask, factors, common=metric == "ssd", whole=method == "ffd")
    if beginning.field is not None and method not in ("greedy", "demons"):
        raise SpecError(f"{method} starts from an affine transform", got=type(start).__name__, do="take `greedy`")
    choice = choose(beginning, metric)
    lattice = Lattice.over(fixed.geometry, CELL) if method == "ffd" else None
    outcome = _found(method, beginning, choice.measure_of, max_iterations, lattice, callback)
    return registration_of(outcome, fixed, beginning, choice, velocity=method == "svf", lattice=lattice)


def _check(method: str, factors: Sequence[int], max_iterations: Sequence[int]) -> None:
    if method not in get_args(Method):
        raise SpecError("unknown deformable registration", expected=" or ".join(get_args(Method)), got=method)
    if len(factors) != len(max_iterations) or min(factors, default=0) < 1 or min(max_iterations) < 1:
        raise SpecError("every level needs a factor and iterations", got=(tuple(factors), tuple(max_iterations)))
    if list(factors) != sorted(factors, reverse=True) or factors[-1] != 1:
        raise SpecError("levels go from coarse to fine", expected="falling factors, the last 1", got=tuple(factors))


def _found(
    method: str,
    beginning: Beginning,
    measure_of: MeasureOf,
    max_iterations: Sequence[int],
    lattice: Lattice | None,
    callback: Callback | None,
) -> Outcome:
    levels = beginning.levels
    if lattice is not None:
        return free_form(levels, lattice, measure_of, max_iterations, callback=callback)
    if method == "svf":
        return stationary_velocity(levels, measure_of, max_iterations, callback=callback)
    if method == "syn":
        return symmetric(levels, measure_of, max_iterations, callback=callback)
    smoothness = DemonsSmoothness() if method == "demons" else None
    field = beginning.field_at(levels[0]) if beginning.field is not None else None
    return greedy(levels, measure_of, max_iterations, field=field, smoothness=smoothness, callback=callback)
