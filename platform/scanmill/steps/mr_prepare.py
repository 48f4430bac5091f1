"""`mr.prepare`: from what the coils measured to the k-space that is reconstructed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from scanmill.arrays import to_device, to_host
from scanmill.data import KSpace
from scanmill.steps.contract import Context, Output, Params, Port, Prediction, Step
from scanmill.steps.expected import expect
from scanmill.steps.mr_coils import Compression, Whiten, compressed, whitened
from scanmill.steps.mr_delays import Delays, corrected
from scanmill.steps.mr_frames import average, chosen_frames, join, respiratory, split
from scanmill.steps.mr_noise import noise_std
from scanmill.steps.mr_sound import require_sound
from scanmill.steps.mr_undersample import undersampled
from scanmill.steps.sizes import coil_samples

POINTS_PER_SECOND = 2e7
PARTIAL = 0.9
"""Below this share of an axis the row is told that it is partial."""


class Undersample(Params):
    """Lines to keep of a full scan, to measure what a method makes of few."""

    acceleration: float = Field(gt=1, le=64, description="one of so many lines is kept")
    axis: Literal["x", "y", "z"] = Field(default="y", description="along which lines are left out; fastMRI: x")
    n_calibration: int = Field(default=24, ge=0, le=512, description="lines kept in the middle")


class PrepareParams(Params):
    """Frames, coils, delays; what is not named is not done, but for whitening where there is a noise scan."""

    frames: tuple[str, ...] = Field(default=(), max_length=1000, description="only these, by name; empty keeps all")
    combine: Literal["none", "average", "join"] = Field(
        default="none",
        description="average: mean of all frames that measured a sample; join: the shots of all frames as one frame",
    )
    shots_per_frame: int | None = Field(
        default=None, ge=1, le=100_000, description="make frames of so many shots that follow one another"
    )
    respiratory_bins: int | None = Field(
        default=None, ge=2, le=64, description="make a frame for each of so many positions of the breathing body"
    )
    shots_per_navigator: int = Field(
        default=1, ge=1, le=100_000, description="respiratory_bins: the first of so many shots is the navigator"
    )
    navigator_interval_s: float | None = Field(
        default=None, gt=0, le=60, description="respiratory_bins: takes heart beats out of the breathing"
    )
    whiten: Whiten = Field(default="auto", description="auto: where there is a noise scan; always: fail without one")
    n_coils: int | None = Field(default=None, ge=1, le=1024, description="compress to so many virtual coils")
    compression: Compression = Field(
        default="svd", description="geometric: other virtual coils at every place along x, for samples on a grid"
    )
    delays: Delays = Field(
        default="none",
        description="of the gradients in samples, (x, y[, z]) or (x, y, xy); ring: estimated from radial spokes",
    )
    undersample: Undersample | None = Field(
        default=None, description="leave out lines at random (by the unit's seed) of a scan that has them all"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if isinstance(self.delays, tuple) and len(self.delays) not in (2, 3):
            raise ValueError("delays: two or three numbers")
        if self.shots_per_frame and self.respiratory_bins:
            raise ValueError("frames are made of shots either in time or by breathing")
        return self


def run(inputs: Mapping[str, Any], params: PrepareParams, ctx: Context) -> Output:
    """K-space on the step's device; metrics: n_frames, n_coils, acceleration, noise_std, partial_fourier (the part of
    the most partial axis that was measured), and delay_x, delay_y, delay_xy where they were sought."""
    scan = expect(inputs, "scan", KSpace)
    require_sound(scan, "scan")
    scan = _on_device(scan, ctx.device)
    if params.frames:
        scan = chosen_frames(scan, params.frames)
    if (few := params.undersample) is not None:
        scan = undersampled(scan, few.acceleration, few.axis, few.n_calibration, ctx.seed)
    scan = compressed(whitened(scan, params.whiten), params.n_coils, params.compression)
    scan, metrics = corrected(scan, params.delays)
    scan = _frames(scan, params)
    metrics |= {
        "n_frames": float(scan.n_frames),
        "n_coils": float(scan.n_coils),
        "acceleration": scan.acceleration(),
        "noise_std": noise_std(scan),
    }
    if scan.is_cartesian:
        metrics["partial_fourier"] = measured_part(scan)
    return Output({"scan": scan}, metrics, warnings=_warnings(scan, metrics))


def _on_device(scan: KSpace, device: str) -> KSpace:
    known = {name: getattr(scan, name) for name in ("array", "sampling_mask", "noise", "calibration")}
    return replace(scan, **{name: to_device(one, device) for name, one in known.items() if one is not None})


def _frames(scan: KSpace, params: PrepareParams) -> KSpace:
    if params.combine == "average":
        scan = average(scan)
    elif params.combine == "join":
        scan = join(scan)
    if params.shots_per_frame is not None:
        return split(scan, params.shots_per_frame)
    if params.respiratory_bins is not None:
        return respiratory(scan, params.respiratory_bins, params.shots_per_navigator, params.navigator_interval_s)
    return scan


def measured_part(scan: KSpace) -> float:
    """Of the axis whose outermost samples reach least far to one side, the part of its length that they span; 1 where
    k-space is measured, if with holes, from end to end."""
    sampled = to_host(scan.sampled().any(axis=(0, 1)))
    parts = [1.0]
    for axis, n in enumerate(sampled.shape):
        lines = np.flatnonzero(sampled.any(axis=tuple(other for other in range(3) if other != axis)))
        if n > 1 and len(lines):
            below, above = n // 2 - lines[0], lines[-1] - n // 2
            widest = max(below, above)
            parts.append((below + above + 1) / (2 * widest + 1) if widest else 1.0)
    return float(min(parts))


def _warnings(scan: KSpace, metrics: Mapping[str, float]) -> tuple[str, ...]:
    part = metrics.get("partial_fourier", 1.0)
    if part > PARTIAL:
        return ()
    return (f"{part:.0%} of an axis of k-space was measured: see `partial_fourier` of mr.reconstruct",)


def _predict(columns: Mapping[str, Any], params: PrepareParams, device: str) -> Prediction:
    samples = coil_samples(columns)
    return Prediction(0.02 + samples / POINTS_PER_SECOND, 0 if device == "cpu" else 24 * samples)


STEP = Step(
    "mr.prepare",
    "Whiten and compress coils, choose or make frames, correct gradient delays",
    run,
    PrepareParams,
    reads={"scan": Port("kspace")},
    writes={"scan": Port("kspace")},
    predict=_predict,
)
