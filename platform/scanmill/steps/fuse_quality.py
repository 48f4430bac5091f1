"""`fuse.quality`: what a fused image kept of its images, lost, and made up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

from pydantic import Field

from scanmill.algorithms import quality
from scanmill.arrays import Array, xp_of
from scanmill.data import Volume
from scanmill.steps.contract import Context, Output, Params, Port, Prediction, Step
from scanmill.steps.expected import expect
from scanmill.steps.fusion_inputs import RANGES_MEANING, Ranges, on_device, require_on_grid, sources_of
from scanmill.steps.memory import require_memory
from scanmill.steps.sizes import image_voxels

BYTES_PER_VOXEL, BYTES_PER_IMAGE = 180, 8
"""At the peak, measured: in the gradients of a volume."""
SSIM_WINDOW, VIF_SIDE = 11, 41
"""Shorter axes of more than one voxel have no such score."""


class FuseQualityParams(Params):
    """What is measured, and under which names."""

    prefix: str = Field(default="", pattern=r"^[A-Za-z0-9_]{0,32}$", description="before each metric, e.g. pca_")
    ranges: Ranges = Field(default="each", description=f"the one that `fuse` had. {RANGES_MEANING}")
    n_bins: int = Field(default=256, ge=2, le=4096, description="of the histograms, over the images' common range")


def run(inputs: Mapping[str, Any], params: FuseQualityParams, ctx: Context) -> Output:
    """entropy, standard_deviation, spatial_frequency, average_gradient of the fused image; mutual_information (the sum
    over the images), nmi, ssim, vif (means over the images), scd; q_abf, l_abf, n_abf (edges kept, lost, made up)."""
    fused, sources = expect(inputs, "image", Volume), sources_of(inputs)
    require_on_grid(fused, sources[0], "image")
    require_memory(_bytes_held(fused.array.size, len(sources)), fused.array, "the measures of a fusion")
    [array] = on_device([fused], ctx.device, "common")
    images = on_device(sources, ctx.device, params.ranges)
    warnings: list[str] = []
    low, high = min(float(image.min()) for image in images), max(float(image.max()) for image in images)
    metrics = _alone(array, (low, high), params.n_bins) | _shared(array, images, (low, high), params.n_bins)
    metrics |= _edges(array, images) | _alike(array, images, high - low, warnings)
    return Output(metrics={params.prefix + name: value for name, value in metrics.items()}, warnings=tuple(warnings))


def _alone(fused: Array, limits: tuple[float, float], n_bins: int) -> dict[str, float]:
    return {
        "entropy": quality.entropy(fused, n_bins=n_bins, limits=limits),
        "standard_deviation": float(fused.std(dtype=xp_of(fused).float64)),
        "spatial_frequency": quality.spatial_frequency(fused),
        "average_gradient": quality.average_gradient(fused),
    }


def _shared(fused: Array, images: Sequence[Array], limits: tuple[float, float], n_bins: int) -> dict[str, float]:
    bins: dict[str, Any] = {"n_bins": n_bins, "limits": limits, "reference_limits": limits}
    return {
        "mutual_information": sum(quality.mutual_information(fused, image, **bins) for image in images),
        "nmi": mean(quality.normalized_mutual_information(fused, image, **bins) for image in images),
        "scd": quality.sum_of_difference_correlations(fused, images),
    }


def _edges(fused: Array, images: Sequence[Array]) -> dict[str, float]:
    edges = quality.edge_transfer(fused, images)
    return {"q_abf": edges.kept, "l_abf": edges.lost, "n_abf": edges.made_up}


def _alike(fused: Array, images: Sequence[Array], span: float, warnings: list[str]) -> dict[str, float]:
    """Scores with windows, where the image is long enough for them."""
    metrics, shortest = {}, min((n for n in fused.shape if n > 1), default=1)
    if shortest >= SSIM_WINDOW:
        metrics["ssim"] = mean(quality.ssim(fused, image, data_range=span) for image in images)
    else:
        warnings.append("ssim is left out: it wants 11 voxels along an axis")
    if shortest >= VIF_SIDE:
        fidelity = quality.visual_information_fidelity
        metrics["vif"] = mean(fidelity(fused, image, data_range=span) for image in images)
    else:
        warnings.append("vif is left out: it wants 41 voxels along an axis")
    return metrics


def _predict(columns: Mapping[str, Any], params: FuseQualityParams, device: str) -> Prediction:
    voxels = image_voxels(columns)
    return Prediction(0.05 + voxels / 1e6, 0 if device == "cpu" else _bytes_held(voxels, 2))


def _bytes_held(voxels: int, n_images: int) -> int:
    return (BYTES_PER_VOXEL + BYTES_PER_IMAGE * n_images) * voxels


STEP = Step(
    "fuse.quality",
    "Measure a fused image against the images it was made of",
    run,
    FuseQualityParams,
    reads={
        "image": Port("volume"),
        "fixed": Port("volume", many=True),
        "moving": Port("volume", optional=True, many=True),
    },
    predict=_predict,
)
