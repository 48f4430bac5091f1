"""SPIRiT: k-space that agrees with what was measured and with its own neighbours."""

from __future__ import annotations

from scanmill.algorithms.reconstruction.items import item_choice, item_dot, item_ratio, item_squares, worst
from scanmill.algorithms.reconstruction.iteration import Callback, IterationStatus, StoppingRule
from scanmill.algorithms.reconstruction.mr.conjugate_gradients import ConjugateGradientState, conjugate_gradients
from scanmill.algorithms.reconstruction.mr.neighbourhoods import KernelShape
from scanmill.algorithms.reconstruction.mr.spirit_problem import SelfConsistency
from scanmill.arrays import Array, xp_of

ITEMS = -5
"""The axis of the items of k-space (batch, coil, z, y, x)."""


def spirit(
    kspace: Array,
    sampling_mask: Array | None = None,
    *,
    calibration: Array | None = None,
    kernel_shape: KernelShape | None = None,
    regularisation: float = 1e-2,
    n_iterations: int = 30,
    change_tolerance: float = 1e-4,
    callback: Callback | None = None,
) -> Array:
    """argmin ‖(G - 1) k‖² over k-space (batch, coil, z, y, x) whose measured samples stay, by conjugate gradients.

    Lustig & Pauly, Magn. Reson. Med. 64 (2010) 457, eq. 8 with the data as a hard constraint. G predicts each sample
    from all others within ``kernel_shape`` (odd; 7 unless given) in all coils, fitted to ``calibration`` (batch or 1,
    coil, z, y, x) or to the fully sampled middle, ‖w‖² weighted by ``regularisation`` times the mean energy of a
    sample. Stopping early is the regularisation. ``sampling_mask`` broadcasts to (batch, z, y, x); None: measured is
    what is not zero in every coil.

    It keeps a matrix (coil, coil) for every voxel of every item. Where nothing is missing along an axis of a volume,
    transform that axis first and give its planes as items. Of the status, the residual is ‖(G - 1) k‖ / ‖k‖, the
    greatest of all items, the objective half the squares, summed, and ``image`` the part of k-space not measured.
    """
    rule = StoppingRule(n_iterations, 0.0, change_tolerance, callback)
    problem = SelfConsistency(kspace, sampling_mask, calibration, kernel_shape, regularisation)
    towards = problem.normal(problem.measured)
    b = -problem.missing(towards)
    start, measured_squares = item_dot(problem.measured, towards, ITEMS), item_squares(problem.measured, ITEMS)

    def finished(state: ConjugateGradientState) -> bool | Array:
        squares = xp_of(b).maximum(start - item_dot(state.x, b + state.r, ITEMS), 0)
        x_squares = item_squares(state.x, ITEMS)
        change = item_ratio(state.step_squares, x_squares) ** 0.5
        status = IterationStatus(
            state.iteration,
            residual=worst(item_ratio(squares, measured_squares + x_squares)) ** 0.5,
            change=worst(change),
            objective=0.5 * float(squares.sum()),
            image=state.x,
        )
        return rule.ends(status) or change <= change_tolerance

    missing = conjugate_gradients(
        lambda k: problem.missing(problem.normal(k)), b, n_iterations=n_iterations, finished=finished
    )
    return problem.measured + missing


def spirit_pocs(
    kspace: Array,
    sampling_mask: Array | None = None,
    *,
    calibration: Array | None = None,
    kernel_shape: KernelShape | None = None,
    regularisation: float = 1e-2,
    n_iterations: int = 50,
    change_tolerance: float = 1e-4,
    callback: Callback | None = None,
) -> Array:
    """K-space by k ← G k and the measured samples, in turn: Lustig & Pauly's POCS, with the parameters of `spirit`.

    It comes near the same k-space by other, smaller steps (the paper's section "POCS"). Of the status, the
    residual is ‖(G - 1) k‖ / ‖k‖, the greatest of all items, the objective half the squares, summed, and ``image`` the
    part of k-space not measured.
    """
    rule = StoppingRule(n_iterations, 0.0, change_tolerance, callback)
    problem = SelfConsistency(kspace, sampling_mask, calibration, kernel_shape, regularisation)
    xp, k = xp_of(kspace), problem.measured
    active = item_squares(k, ITEMS) >= 0
    for iteration in range(1, n_iterations + 1):
        predicted = problem.predicted(k)
        squares: Array = item_squares(predicted - k, ITEMS)
        before, after = k, problem.measured + problem.missing(predicted)
        k = item_choice(active, after, before)
        change = item_ratio(item_squares(k - before, ITEMS), item_squares(k, ITEMS)) ** 0.5
        status = IterationStatus(
            iteration,
            residual=worst(item_ratio(squares, item_squares(before, ITEMS))) ** 0.5,
            change=worst(change),
            objective=0.5 * float(squares.sum()),
            image=problem.missing(k),
        )
        active = active & (change > change_tolerance)
        if rule.ends(status) or not xp.any(active):
            break
    return k
