"""Free-form registration: cubic B-splines on a lattice, held together by their bending energy."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from scanmill.algorithms.registration.dense.field import least_determinant
from scanmill.algorithms.registration.dense.greedy import N_HALVINGS, MeasureOf
from scanmill.algorithms.registration.dense.lattice import Lattice, Splines
from scanmill.algorithms.registration.dense.level import Level
from scanmill.algorithms.registration.dense.measure import Measure, Reading
from scanmill.algorithms.registration.dense.progress import LEAST_DETERMINANT, Callback, Outcome, Watch
from scanmill.arrays import Array, xp_of
from scanmill.kernels import forces

BENDING = 0.005
"""The weight of the bending energy, in mean traces of the equations times the voxels of a cell."""
CELL = 5.0
"""Of the finest voxels between control points."""
N_INNER = 12
"""Conjugate gradients for one Gauss-Newton step."""
DIAGONAL = 42
"""Of the squared Laplacian of a lattice: 6 squared, and its six neighbours."""


def free_form(
    levels: Sequence[Level],
    lattice: Lattice,
    measure_of: MeasureOf,
    max_iterations: Sequence[int],
    *,
    bending: float = BENDING,
    tolerance: float = 0.005,
    callback: Callback | None = None,
) -> Outcome:
    """The coefficients c of u = B c, by Gauss-Newton steps (B' A B + w R) d = B' b - w R c, from coarse to fine.

    R is the lattice's Laplacian squared: the bending energy, but for its terms at the edges. The outcome's field are
    the coefficients (3, z, y, x) in voxels of the finest level. A step that would let a voxel shrink below
    `LEAST_DETERMINANT` is halved. Source: Rueckert et al. (IEEE Trans Med Imaging 18 (1999) 712).
    """
    coefficients = xp_of(levels[0].fixed).zeros((3, *lattice.shape), np.float32)
    reason = ""
    for number, level in enumerate(levels):
        watch = Watch(number, max_iterations[number], tolerance, callback)
        splines, measure = Splines(lattice, level), measure_of(level)
        ratios = xp_of(coefficients).asarray(level.factors, np.float32).reshape(3, 1, 1, 1)
        own, reason = _at_level(measure, splines, coefficients / ratios, watch, bending)
        coefficients = own * ratios
        if watch.stopped:
            break
    return Outcome(coefficients, watch.first, watch.last, reason=reason)


def _at_level(
    measure: Measure, splines: Splines, coefficients: Array, watch: Watch, bending: float
) -> tuple[Array, str]:
    best, best_value = coefficients, -float("inf")
    while True:
        reading = measure(splines.values(coefficients))
        if reading.value > best_value:
            best, best_value = coefficients, reading.value
        if watch.ends(reading.value):
            watch.last = best_value
            return best, ""
        moved = _unfolded(splines, coefficients, _step(measure, splines, reading, coefficients, bending))
        if moved is None:
            return best, "every further step would fold"
        coefficients = moved


def _step(measure: Measure, splines: Splines, reading: Reading, coefficients: Array, bending: float) -> Array:
    """The Gauss-Newton step of the coefficients."""
    equations = reading.equations
    weight = np.float32(bending * max(reading.trace, 1e-12) * measure.level.fixed.size / coefficients[0].size)
    product = xp_of(equations).empty_like(equations[:3])

    def apply(step: Array) -> Array:
        forces.MULTIPLY(measure.n_runs, equations, splines.values(step), measure.run, product)
        return splines.adjoint(product) + weight * bent(step)

    right = splines.adjoint(equations[:3]) - weight * bent(coefficients)
    diagonal = splines.squared_adjoint(xp_of(equations).ascontiguousarray(equations[[3, 6, 8]])) + DIAGONAL * weight
    return conjugate_gradients(apply, right, diagonal, N_INNER)


def bent(coefficients: Array) -> Array:
    """R c: the lattice's Laplacian twice; its edges go on."""
    return laplacian(laplacian(coefficients))


def laplacian(values: Array) -> Array:
    """The sum of the differences to the six neighbours, of every component (3, z, y, x)."""
    out = xp_of(values).zeros_like(values)
    for axis in (1, 2, 3):
        rise = xp_of(values).diff(values, axis=axis)
        low, high = [slice(None)] * 4, [slice(None)] * 4
        low[axis], high[axis] = slice(0, -1), slice(1, None)
        out[tuple(low)] += rise
        out[tuple(high)] -= rise
    return out


def conjugate_gradients(apply: Callable[[Array], Array], right: Array, diagonal: Array, n_iterations: int) -> Array:
    """x of ``apply`` (x) = right, from 0, preconditioned by the ``diagonal``; sums are in float64, in one order."""
    x, residual = xp_of(right).zeros_like(right), right
    scaled = residual / diagonal
    direction, size = scaled, _dot(residual, scaled)
    for _ in range(n_iterations):
        if size <= 0:
            break
        image = apply(direction)
        step = np.float32(size / max(_dot(direction, image), 1e-30))
        x, residual = x + step * direction, residual - step * image
        scaled = residual / diagonal
        before, size = size, _dot(residual, scaled)
        direction = scaled + np.float32(size / before) * direction
    return x


def _dot(a: Array, b: Array) -> float:
    return float((a * b).sum(dtype=np.float64))


def _unfolded(splines: Splines, coefficients: Array, step: Array) -> Array | None:
    for halvings in range(N_HALVINGS):
        moved = coefficients + np.float32(0.5**halvings) * step
        if least_determinant(splines.values(moved)) >= LEAST_DETERMINANT:
            return moved
    return None
