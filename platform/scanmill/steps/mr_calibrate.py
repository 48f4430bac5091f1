"""`mr.calibrate`: what every coil sees, from the middle of k-space or together with the image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from pydantic import Field

from scanmill.arrays import Array, to_device, to_host, xp_of
from scanmill.data import CoilSensitivities, KSpace
from scanmill.errors import InputError
from scanmill.steps.contract import Context, Output, Params, Port, Prediction, Step
from scanmill.steps.expected import expect
from scanmill.steps.mr_blocks import Block, blocks
from scanmill.steps.mr_density import Density, density_of
from scanmill.steps.mr_encoding import coil_encoding, coil_gram, gridded
from scanmill.steps.mr_frames import average, join
from scanmill.steps.mr_sound import require_sound
from scanmill.steps.sizes import coil_samples

FEW_LINES = 16
"""A calibration region shorter than this along an axis is warned of."""
POINTS_PER_SECOND: Mapping[str, float] = {"espirit": 5e5, "walsh": 3e6, "joint": 1e5}


class CalibrateParams(Params):
    """Method, and how much of k-space counts as its middle."""

    method: Literal["espirit", "walsh", "joint"] = Field(
        default="espirit", description="joint finds image and sensitivities together and needs the least middle"
    )
    width: int = Field(default=24, ge=4, le=512, description="espirit, walsh: samples of the middle along an axis")
    n_sets: int = Field(default=1, ge=1, le=8, description="espirit: maps; 2 where the field of view is too small")
    kernel_width: int = Field(default=6, ge=2, le=16, description="espirit: samples that the kernel spans")
    threshold: float | None = Field(
        default=None, ge=0, lt=1, description="espirit: share of the greatest singular value; by default by the noise"
    )
    crop: float = Field(default=0.8, ge=0, lt=1, description="espirit: eigenvalues below this see nothing")
    is_smooth: bool = Field(default=False, description="espirit: fade out instead of cropping")
    degree: int = Field(default=8, ge=1, le=16, description="joint: of the polynomials")
    n_iterations: int = Field(default=10, ge=1, le=1000, description="joint: turns between image and sensitivities")
    density: Literal["pipe-menon", "voronoi", "radial"] = Field(
        default="pipe-menon", description="density compensation of a trajectory, whose middle is gridded"
    )


def run(inputs: Mapping[str, Any], params: CalibrateParams, ctx: Context) -> Output:
    """`sensitivities` on the encoded grid, the same for all frames; metrics: n_sets, n_lines (the shortest side of the
    calibration region), seen_share (of the voxels)."""
    scan = expect(inputs, "scan", KSpace)
    require_sound(scan, "scan")
    scan = replace(scan, array=to_device(scan.array, ctx.device))
    one = _one_frame(scan)
    metrics, warnings = {}, []
    if params.method == "joint":
        maps = _joint(one, params, ctx)
    else:
        middle = _middle(one, params)
        lines = min((n for n in middle.shape[2:] if n > 1), default=1)
        metrics["n_lines"] = float(lines)
        if lines < FEW_LINES:
            warnings.append(f"the middle of k-space has only {lines} lines: sensitivities are coarse")
        maps = _espirit(middle, scan, params) if params.method == "espirit" else _walsh(middle, scan)
    seen = to_host(abs(maps[:, 0]).max(axis=1) > 0)
    metrics |= {"n_sets": float(maps.shape[1]), "seen_share": float(seen.mean())}
    if not seen.any():
        raise InputError("the coils see nothing: no voxel agrees with the calibration", where="scan",
                         do="lower `crop`, or calibrate by walsh")  # fmt: skip
    sensitivities = CoilSensitivities(maps.astype(np.complex64), scan.geometry)
    return Output({"sensitivities": sensitivities}, metrics, warnings=tuple(warnings))


def _one_frame(scan: KSpace) -> KSpace:
    """What all frames say together: the strongest where each has a middle of its own, else their average; the shots of
    all along a trajectory."""
    if scan.n_frames == 1:
        return scan
    if not scan.is_cartesian:
        return join(scan)
    centers = tuple(n // 2 for n in scan.matrix)
    if bool(scan.sampled()[(slice(None), slice(None), *centers)].all()):
        energy = to_host((abs(scan.array) ** 2).sum(axis=(1, 2, 3, 4, 5), dtype=np.float64))
        strongest = int(energy.argmax())
        return scan.frames(slice(strongest, strongest + 1))
    return average(scan)


def _middle(scan: KSpace, params: CalibrateParams) -> Array:
    """The middle of k-space of every slice, (slice, coil, z, y, x)."""
    from scanmill.algorithms.calibration.calibration_region import calibration_of, low_frequencies

    if scan.is_cartesian:
        return calibration_of(scan, width=params.width)[0]
    xp = xp_of(scan.array)
    parts = [low_frequencies(gridded(block), width=params.width) for block in _gridding(scan, params.density)]
    return xp.concatenate(parts)


def _gridding(scan: KSpace, density: Density) -> list[Block]:
    return list(blocks(scan, None, weights=density_of(scan, density)))


def _espirit(middle: Array, scan: KSpace, params: CalibrateParams) -> Array:
    from scanmill.algorithms.calibration.espirit import espirit

    found = espirit(
        middle,
        scan.matrix,
        n_sets=params.n_sets,
        kernel_width=params.kernel_width,
        threshold=params.threshold,
        crop=params.crop,
        is_smooth=params.is_smooth,
    )
    return found.coil_sensitivities


def _walsh(middle: Array, scan: KSpace) -> Array:
    """From the images of the middle through a Hann window, so that nothing rings."""
    from scanmill.algorithms.calibration.walsh import walsh
    from scanmill.algorithms.reconstruction.mr import zero_filled

    xp, kept = xp_of(middle), middle.shape[2:]
    faded = middle
    for axis, (n, whole) in enumerate(zip(kept, scan.matrix, strict=True)):
        if n < whole:
            window = xp.asarray(np.hanning(n + 2)[1:-1].astype(np.float32))
            faded = faded * window.reshape([-1 if at == axis else 1 for at in range(3)])
    padded = xp.zeros((*middle.shape[:2], *scan.matrix), dtype=middle.dtype)
    box = tuple(slice(whole // 2 - n // 2, whole // 2 - n // 2 + n) for n, whole in zip(kept, scan.matrix, strict=True))
    padded[(..., *box)] = faded
    return walsh(zero_filled(padded))


def _joint(scan: KSpace, params: CalibrateParams, ctx: Context) -> Array:
    from scanmill.algorithms.calibration.joint_sensitivities import joint_sensitivities

    maps = []
    for number, block in enumerate(blocks(scan, None)):
        found = joint_sensitivities(
            coil_encoding(block),
            block.y,
            gram=coil_gram(block),
            degree=params.degree,
            n_iterations=params.n_iterations,
        )
        maps.append(found.coil_sensitivities)
        ctx.progress((number + 1) / scan.n_slices, "")
    return xp_of(scan.array).concatenate(maps)


def _predict(columns: Mapping[str, Any], params: CalibrateParams, device: str) -> Prediction:
    samples = coil_samples(columns) / max(1, int(columns.get("n_frames") or 1))
    rate = POINTS_PER_SECOND[params.method] * (1 if device == "cpu" else 50)
    return Prediction(0.1 + samples / rate, 0 if device == "cpu" else int(8 * (2 + params.n_sets) * samples))


STEP = Step(
    "mr.calibrate",
    "Find the sensitivities of the coils",
    run,
    CalibrateParams,
    reads={"scan": Port("kspace")},
    writes={"sensitivities": Port("sensitivities")},
    predict=_predict,
)
