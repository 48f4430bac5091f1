"""Iterative compressed sensing for three-dimensional radial scans, with the time that each of its modules takes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from scanmill.algorithms.reconstruction.cycle_spinning import CycleSpun
from scanmill.algorithms.reconstruction.fista import fista
from scanmill.algorithms.reconstruction.fista_wavelet import Details
from scanmill.algorithms.reconstruction.iteration import FREE, Callback, IterationStatus
from scanmill.algorithms.reconstruction.mr.images import IMAGE_AXES
from scanmill.algorithms.reconstruction.mr.module_times import ModuleClock, ModuleReport, TimedOp, TimedSparsity
from scanmill.algorithms.reconstruction.power_iteration import operator_norm
from scanmill.arrays import Array, HostArray, to_device, to_host
from scanmill.errors import InputError
from scanmill.operators import LinearOperator
from scanmill.operators.coils import CoilsOp
from scanmill.operators.gridding import GriddingOp, OversampledFourierOp, gridding_parts
from scanmill.operators.gridding_plan import Strategy
from scanmill.operators.sampling import SamplingOp
from scanmill.operators.wavelet import LEVELS, Wavelet, WaveletOp

NORM_TOLERANCE = 5e-3
"""Of the power iteration, each step of which costs as much as an iteration; the norm falls short by less than 1 %."""


def radial_3d(
    y: Array,
    points: npt.ArrayLike,
    coil_sensitivities: Array,
    density_compensation: npt.ArrayLike,
    *,
    weight: float,
    strategy: Strategy = "gather",
    width: int = 4,
    oversampling: float = 2.0,
    wavelet: Wavelet = "db2",
    n_iterations: int = 20,
    device: str = "cpu",
    seed: int = 0,
    x0: Array | None = None,
    residual_tolerance: float = 0.0,
    change_tolerance: float = 0.0,
    callback: Callback | None = None,
) -> tuple[Array, ModuleReport]:
    """argmin ½ ‖√W (A x - y)‖² + α Σ |wavelet details of x| by gridding and inverse gridding in every iteration.

    The compressed sensing of Nam et al., Magn. Reson. Med. 69 (2013) 91, for whole-heart scans: from the data y (coil,
    projection, sample) at ``points`` (projection, sample, 3), in cycles per field of view, W = ``density_compensation``
    (projection, sample), with ``coil_sensitivities`` (set, coil, z, y, x), to the image (set, z, y, x) in host memory
    and a `ModuleReport`. ``strategy`` is the paper's question, how gridding is made parallel (`GriddingOp`). The
    minimum is found by `fista` with cycle spinning; knobs and errors as there. `l1_wavelet` with a Toeplitz operator
    solves the same problem without gridding.

    Modules: transfer, planning (sorting and windows), step size (the power iteration as a whole), then for all
    iterations coils, FFT, inverse gridding, density weights, gridding, thresholding, and update, which is the rest.
    """
    k, w = np.asarray(points, dtype=np.float64), np.asarray(density_compensation, dtype=np.float64)
    _check(y, k, w, coil_sensitivities)
    clock = ModuleClock()
    with clock.measure("transfer", y):
        data, maps, root = (to_device(a, device) for a in (y[None], coil_sensitivities[None], np.sqrt(w)))
    with clock.measure("planning", data):
        coils, image_shape = CoilsOp(maps), tuple(maps.shape[3:])
        parts = gridding_parts(
            k, image_shape, images=(1, len(y)), width=width, oversampling=oversampling, strategy=strategy, device=device
        )
        weights = SamplingOp(root, parts[0].out_shape)
        sparsity = CycleSpun(_details(coils, wavelet), dict.fromkeys(IMAGE_AXES, 2**LEVELS), seed=seed)
    with clock.measure("step size", data):
        norm = operator_norm(weights @ parts[0] @ parts[1] @ coils, seed=seed, tolerance=NORM_TOLERANCE, device=device)
    op = _timed(coils, *parts, weights, clock)
    seen: list[IterationStatus] = []

    def follow(status: IterationStatus) -> object:
        seen[:] = [status]
        return None if callback is None else callback(status)

    with clock.measure("update", data):
        x = fista(
            op,
            weights(data),
            TimedSparsity(sparsity, clock, "thresholding"),
            weight=weight,
            n_iterations=n_iterations,
            bounds=FREE,
            norm=norm,
            x0=None if x0 is None else to_device(x0[None], device),
            residual_tolerance=residual_tolerance,
            change_tolerance=change_tolerance,
            callback=follow,
        )
    with clock.measure("transfer", x):
        image = to_host(x[0])
    n_coils, n_projections, n_samples = y.shape
    return image, ModuleReport(n_samples, n_projections, n_coils, seen[0].iteration, clock.seconds)


def _details(coils: CoilsOp, wavelet: Wavelet) -> Details:
    return Details(WaveletOp(coils.in_shape, wavelet, axes=IMAGE_AXES, dtype=coils.dtype))


def _timed(
    coils: CoilsOp, gridding: GriddingOp, fourier: OversampledFourierOp, weights: SamplingOp, clock: ModuleClock
) -> LinearOperator:
    """√W A with every part on the clock."""
    return (
        TimedOp(weights, clock, "density weights", "density weights")
        @ TimedOp(gridding, clock, "inverse gridding", "gridding")
        @ TimedOp(fourier, clock, "FFT", "FFT")
        @ TimedOp(coils, clock, "coils", "coils")
    )


def _check(y: Array, points: HostArray, weights: HostArray, coil_sensitivities: Array) -> None:
    """InputError where data, points, weights and coils do not fit, or a weight is negative."""
    if y.ndim != 3 or points.shape != (*y.shape[1:], 3):
        raise InputError(
            "projections and points do not fit",
            expected="(coil, projection, sample), (projection, sample, 3)",
            got=(tuple(y.shape), points.shape),
        )
    if weights.shape != points.shape[:2] or not (weights >= 0).all():
        raise InputError("the density compensation does not fit", expected=points.shape[:2], got=weights.shape)
    if coil_sensitivities.ndim != 5 or coil_sensitivities.shape[1] != len(y):
        expected = f"(set, {len(y)} coils, z, y, x)"
        raise InputError("coil sensitivities of another shape", expected=expected, got=coil_sensitivities.shape)
