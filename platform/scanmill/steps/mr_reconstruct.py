"""`mr.reconstruct`: from k-space to images, by any of our methods."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from scanmill.arrays import Array, to_device, xp_of
from scanmill.data import CoilSensitivities, Frames, KSpace
from scanmill.steps.contract import Context, Output, Port, Prediction, Step
from scanmill.steps.expected import expect, optional, require_finite
from scanmill.steps.mr_blocks import blocks
from scanmill.steps.mr_check import check, names_of
from scanmill.steps.mr_density import BY_GRIDDING, Density, density_of
from scanmill.steps.mr_grid import part_of
from scanmill.steps.mr_iterative import BY_SLICE, DEFAULT_ITERATIONS, METHODS, SENSE, SPARSE, Problem
from scanmill.steps.mr_memory import slices_at_once
from scanmill.steps.mr_methods import METHODS as COIL_METHODS
from scanmill.steps.mr_methods import combined
from scanmill.steps.mr_noise import noise_std
from scanmill.steps.mr_params import ReconstructParams
from scanmill.steps.mr_scale import scaled_unit
from scanmill.steps.mr_sound import require_sound
from scanmill.steps.sizes import coil_samples, image_voxels

SAMPLES_PER_SECOND: Mapping[str, float] = {"cpu": 1e7, "cuda": 1e9}
"""Coil samples a second through one transform and back, for predictions only."""
SEARCH_ITERATIONS = 210
"""What finding a weight costs, on one slice."""


@dataclass
class Progress:
    """Tells the engine how far it is over all blocks and remembers the worst residual."""

    n_blocks: int
    n_iterations: int
    ctx: Context
    block: int = 0
    iteration: int = 0
    residual: float = 0.0
    latest: float = float("nan")

    def __call__(self, status: Any) -> None:
        """One iteration has ended; None lets it go on."""
        self.iteration, self.latest = max(self.iteration, status.iteration), status.residual
        share = (self.block + status.iteration / self.n_iterations) / self.n_blocks
        self.ctx.progress(min(share, 1.0), f"residual {status.residual:.4f}")

    def finish(self) -> None:
        """The block is done."""
        self.block += 1
        self.residual = max(self.residual, self.latest)
        self.ctx.progress(self.block / self.n_blocks, "")


def run(inputs: Mapping[str, Any], params: ReconstructParams, ctx: Context) -> Output:
    """`image`, the frame asked for, and `frames`, all of them; metrics: scale, n_frames, acceleration and, where
    a method iterates, n_iterations, residual (the worst of all slices) and weight."""
    scan = expect(inputs, "scan", KSpace)
    maps = optional(inputs, "sensitivities", CoilSensitivities)
    require_sound(scan, "scan")
    if maps is not None:
        require_finite(maps, "sensitivities")
    warnings = check(scan, maps, params)
    scan = replace(scan, array=to_device(scan.array, ctx.device))
    maps = None if maps is None else replace(maps, array=to_device(maps.array, ctx.device))
    images, metrics = _reconstruct(scan, maps, params, ctx)
    box, grid = part_of(scan.geometry, scan.recon if params.crop else None)
    array = images[(slice(None), *box)] * np.float32(params.scale)
    names = names_of(scan)
    frames = Frames(array, grid, names, scaled_unit(params.scale))
    image = frames.volume(names.index(params.frame) if params.frame else 0)
    metrics |= {"scale": params.scale, "n_frames": float(len(names)), "acceleration": scan.acceleration()}
    return Output({"image": image, "frames": frames}, metrics, warnings=warnings)


def _reconstruct(
    scan: KSpace, maps: CoilSensitivities | None, params: ReconstructParams, ctx: Context
) -> tuple[Array, dict[str, float]]:
    """All frames on the encoded grid, (frame, z, y, x), real or complex; and what the method tells."""
    by_slice = params.method in BY_SLICE
    weights = density_of(scan, _density(params))
    at_once = slices_at_once(scan, maps, params, ctx)
    n_blocks = scan.n_slices if by_slice else scan.n_frames * math.ceil(scan.n_slices / at_once)
    progress = Progress(n_blocks, params.n_iterations or DEFAULT_ITERATIONS.get(params.method, 1), ctx)
    weight = _weight(scan, maps, params, weights, ctx)
    metrics: dict[str, float] = {}
    xp, kind = xp_of(scan.array), np.complex64 if params.output == "complex" else np.float32
    images = xp.empty((scan.n_frames, scan.n_slices, *scan.matrix), dtype=kind)
    for block in blocks(scan, maps, weights=weights, by_slice=by_slice, n_at_once=at_once):
        problem = Problem.of(block, params, progress, ctx.seed)
        problem = replace(problem, weight=weight[0], sparse_weight=weight[1], metrics=metrics)
        found = one_image(_solved(problem), params.output)
        images[block.frames, block.slices] = found.reshape(images[block.frames, block.slices].shape)
        progress.finish()
    if progress.iteration:
        metrics |= {"n_iterations": float(progress.iteration), "residual": progress.residual}
    if params.method in SPARSE:
        metrics["weight"] = weight[0]
    return images.reshape(scan.n_frames, *scan.geometry.shape), metrics


def _density(params: ReconstructParams) -> Density:
    if params.density == "auto":
        return "pipe-menon" if params.method in BY_GRIDDING else "none"
    return params.density


def _solved(problem: Problem) -> Array:
    """The images of a block, (batch, set, z, y, x)."""
    method, block = problem.params.method, problem.block
    if method in METHODS:
        return METHODS[method](problem)
    coil_images = COIL_METHODS[method](problem)
    return combined(coil_images, replace(block, coil_sensitivities=None) if method == "zero-filled" else block)


def one_image(sets: Array, output: str) -> Array:
    """Of all sets (batch, set, z, y, x) the root of their squares' sum, or the first one where it is to be complex."""
    if output == "complex":
        return sets[:, 0]
    return xp_of(sets).sqrt((abs(sets) ** 2).sum(axis=1))


def _weight(
    scan: KSpace, maps: CoilSensitivities | None, params: ReconstructParams, weights: Any, ctx: Context
) -> tuple[float, float]:
    """The weight of the penalty, the same for all slices and frames: found on the middle one where it is not given."""
    if params.method not in SPARSE:
        return params.weight or 0.0, 0.0
    from scanmill.steps.mr_weights import weights_of

    by_slice = params.method in BY_SLICE
    middle = next(islice(blocks(scan, maps, weights=weights, by_slice=by_slice), scan.n_slices // 2, None))
    problem = Problem.of(middle, params, lambda status: None, ctx.seed)
    return weights_of(problem, 0.0 if params.weight is not None else noise_std(scan))


def _predict(columns: Mapping[str, Any], params: ReconstructParams, device: str) -> Prediction:
    samples = coil_samples(columns)
    n_iterations = params.n_iterations or DEFAULT_ITERATIONS.get(params.method, 1)
    n_slices = max(1, int(columns.get("n_slices") or 1))
    search = SEARCH_ITERATIONS / n_slices if params.method in SPARSE and params.weight is None else 0
    rate = SAMPLES_PER_SECOND["cpu" if device == "cpu" else "cuda"]
    seconds = 0.05 + samples * (n_iterations + search) / rate
    held = 0 if device == "cpu" else 8 * (6 if params.method in SENSE else 4) * samples
    return Prediction(seconds, held, 4 * image_voxels(columns))


STEP = Step(
    "mr.reconstruct",
    "Reconstruct images from k-space",
    run,
    ReconstructParams,
    reads={"scan": Port("kspace"), "sensitivities": Port("sensitivities", optional=True)},
    writes={"image": Port("volume"), "frames": Port("frames")},
    predict=_predict,
)
