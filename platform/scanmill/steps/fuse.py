"""`fuse`: two or more images of one grid become one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from scanmill.algorithms.fusion import Method, Rule, fuse
from scanmill.algorithms.fusion.memory import predict_bytes
from scanmill.arrays import HostArray, to_host
from scanmill.data import Volume
from scanmill.steps.contract import Context, Output, Params, Port, Prediction, Step
from scanmill.steps.fusion_inputs import RANGES_MEANING, Ranges, common_unit, on_device, sources_of
from scanmill.steps.memory import require_memory
from scanmill.steps.pictures import grey, side_by_side, window_of
from scanmill.steps.sizes import IMAGE, image_voxels

SECONDS_PER_MEGAVOXEL = {"swt": 0.6, "shearlet": 4.0, "guided": 0.6}
"""Of two images; the other methods take less than `SECONDS`."""
SECONDS = 0.2


class FuseParams(Params):
    """How the images are fused."""

    method: Method = Field(
        default="laplacian",
        description="average (by weights), pca (by variance); in bands: laplacian, ratio, dwt, swt, shearlet; guided "
        "(two scales, weights that keep to edges), saliency (average weighted by gradients)",
    )
    rule: Rule = Field(default="max-abs", description="in bands: whose detail is taken")
    base: Rule = Field(default="average", description="in bands: whose coarsest band is taken")
    weights: tuple[float, ...] | None = Field(default=None, max_length=1000, description="average: one an image")
    ranges: Ranges = Field(default="each", description=RANGES_MEANING)
    clip: bool = Field(default=True, description="hold the result within the images' common range")


def run(inputs: Mapping[str, Any], params: FuseParams, ctx: Context) -> Output:
    """The fused image, on the grid of the first; the picture has all images and the fused one, each in its window."""
    sources = sources_of(inputs)
    shape, n = sources[0].geometry.shape, len(sources)
    needed = predict_bytes(shape, n, params.method, params.rule) + 12 * n * sources[0].array.size
    require_memory(needed, sources[0].array, "the fusion")
    images = on_device(sources, ctx.device, params.ranges)
    fused = fuse(images, params.method, rule=params.rule, base=params.base, weights=params.weights, clip=params.clip)
    image = Volume(fused, sources[0].geometry, common_unit(sources, params.ranges))
    return Output({"image": image}, pictures={f"fuse_{params.method}": _picture([*images, fused])})


def _picture(images: list[Any]) -> HostArray:
    middle = [to_host(image[image.shape[0] // 2]) for image in images]
    return side_by_side([grey(one, window_of(one)) for one in middle])


def _predict(columns: Mapping[str, Any], params: FuseParams, device: str) -> Prediction:
    voxels, n = image_voxels(columns), 2
    shape = [int(columns.get(name) or 1) for name in IMAGE]
    seconds = 0.02 + SECONDS_PER_MEGAVOXEL.get(params.method, SECONDS) * voxels / 1e6
    held = predict_bytes(shape, n, params.method, params.rule) + 12 * n * voxels
    return Prediction(seconds, 0 if device == "cpu" else held)


STEP = Step(
    "fuse",
    "Fuse two or more images of one grid",
    run,
    FuseParams,
    reads={"fixed": Port("volume", many=True), "moving": Port("volume", optional=True, many=True)},
    writes={"image": Port("volume")},
    predict=_predict,
)
