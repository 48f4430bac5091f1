"""`ct.check`: HU, noise and edges of a CT image in given regions, so that a run's report shows them row by row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from scanmill.algorithms import quality
from scanmill.algorithms.preparation import to_hounsfield
from scanmill.arrays import HostArray, to_host
from scanmill.data import Volume
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry
from scanmill.steps.contract import Context, Output, Params, Port, Prediction, Step
from scanmill.steps.expected import expect, optional, require_finite
from scanmill.steps.sizes import image_voxels

Name = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,32}$", description="its metrics are hu_NAME and noise_NAME")]


class Region(BaseModel):
    """A cylinder along z, or a ball where no height is given; LPS mm."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: Name
    center: tuple[float, float, float] = Field(description="x, y, z in mm")
    radius: float = Field(gt=0, le=1e3, description="mm")
    height: float | None = Field(default=None, gt=0, le=1e4, description="of a cylinder along z, mm; by default a ball")
    expected_hu: float | None = Field(default=None, ge=-1100, le=2e4, description="what is true there, where known")

    def voxels(self, grid: VolumeGeometry) -> tuple[tuple[slice, slice, slice], HostArray]:
        """The part of the grid around the region, and which of its voxels' centres lie inside."""
        half = np.array([self.radius, self.radius, self.radius if self.height is None else self.height / 2])
        ends = np.array(np.meshgrid(*zip(-half, half, strict=True))).reshape(3, -1).T
        corners = grid.to_indices(np.asarray(self.center) + ends)[:, ::-1]
        low = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
        high = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 1, grid.shape)
        z, y, x = (slice(int(a), int(max(a, b))) for a, b in zip(low, high, strict=True))
        if min(high - low) < 1:
            return (z, y, x), np.zeros((0, 0, 0), dtype=bool)
        away = grid.crop(z, y, x).voxel_points() - self.center
        if self.height is None:
            return (z, y, x), np.linalg.norm(away, axis=-1) <= self.radius
        return (z, y, x), (np.hypot(away[..., 0], away[..., 1]) <= self.radius) & (np.abs(away[..., 2]) <= half[2])


class CheckParams(Params):
    """Where to look, and how far off is too far."""

    regions: tuple[Region, ...] = Field(default=(), max_length=100, description="where HU and noise are measured")
    prefix: str = Field(default="", pattern=r"^[A-Za-z0-9_]{0,32}$", description="before each metric, e.g. wfbp_")
    from_middle: bool = Field(default=False, description="centers count from the middle of the image")
    tolerance_hu: float | None = Field(default=None, gt=0, description="a region further off is warned of")
    water_attenuation: float | None = Field(
        default=None, gt=0, lt=1, description="1/mm, for an image that is not in HU yet"
    )
    edges: bool = Field(default=True, description="edge_width_mm: 10 to 90 % rise of the strongest edges")

    @model_validator(mode="after")
    def _names_differ(self) -> CheckParams:
        names = [region.name for region in self.regions]
        if len(set(names)) < len(names):
            raise ValueError("two regions have the same name")
        return self


def run(inputs: Mapping[str, Any], params: CheckParams, ctx: Context) -> Output:
    """hu_NAME, noise_NAME (in HU) and hu_error_NAME where the truth is known, by the region or the ``reference``;
    hu_error, the largest of them; noise, edge_width_mm."""
    image = _in_hu(expect(inputs, "image", Volume), params, "image")
    require_finite(image, "image")
    reference = optional(inputs, "reference", Volume)
    true = None if reference is None else _in_hu(reference, params, "reference")
    metrics: dict[str, float] = {"noise": quality.noise_sigma(image.array)}
    warnings: list[str] = []
    for region in _placed(params, image.geometry):
        metrics |= _measured(region, image, true)
        error = metrics.get(f"hu_error_{region.name}", 0.0)
        if params.tolerance_hu is not None and abs(error) > params.tolerance_hu:
            warnings.append(f"{region.name} is off by {error:.1f} HU")
    errors = [abs(value) for name, value in metrics.items() if name.startswith("hu_error_")]
    metrics |= {"hu_error": max(errors)} if errors else {}
    metrics |= _edges(image, params, warnings)
    return Output({}, {params.prefix + name: value for name, value in metrics.items()}, warnings=tuple(warnings))


def _placed(params: CheckParams, grid: VolumeGeometry) -> list[Region]:
    """The regions in LPS mm."""
    middle = grid.to_points([(n - 1) / 2 for n in reversed(grid.shape)]) if params.from_middle else np.zeros(3)
    return [region.model_copy(update={"center": tuple(middle + region.center)}) for region in params.regions]


def _in_hu(image: Volume, params: CheckParams, port: str) -> Volume:
    if image.unit == "HU":
        return image
    if params.water_attenuation is None:
        raise InputError("the image is not in HU", where=port, expected="HU", got=image.unit or "no unit",
                         do="give ct.check water_attenuation in 1/mm")  # fmt: skip
    return to_hounsfield(image, params.water_attenuation)


def _measured(region: Region, image: Volume, true: Volume | None) -> dict[str, float]:
    """Mean and noise of a region, and its error."""
    values, inside = _cut(region, image, "image")
    mean = float(values[inside].mean(dtype=np.float64))
    metrics = {f"hu_{region.name}": mean}
    if int(inside.sum()) >= 16:
        metrics[f"noise_{region.name}"] = quality.noise_in_region(values, inside)
    expected = region.expected_hu
    if expected is None and true is not None:
        there, within = _cut(region, true, "reference")
        expected = float(there[within].mean(dtype=np.float64))
    return metrics if expected is None else {**metrics, f"hu_error_{region.name}": mean - expected}


def _cut(region: Region, image: Volume, port: str) -> tuple[HostArray, HostArray]:
    box, inside = region.voxels(image.geometry)
    if not inside.any():
        raise InputError(f"the region {region.name!r} has no voxel in the image", where=port, got=region.center,
                         do="give its center in LPS mm")  # fmt: skip
    return to_host(image.array[box]), inside


def _edges(image: Volume, params: CheckParams, warnings: list[str]) -> dict[str, float]:
    if not params.edges:
        return {}
    try:
        middle = image.array[image.geometry.shape[0] // 2]
        return {"edge_width_mm": quality.edge_width(middle, spacing_mm=image.geometry.spacing[0])}
    except InputError as error:
        warnings.append(f"edge_width_mm is left out: {error.what}")
        return {}


def _predict(columns: Mapping[str, Any], params: CheckParams, device: str) -> Prediction:
    voxels = image_voxels(columns)
    return Prediction(0.02 + voxels / 5e6, 0 if device == "cpu" else 40 * voxels)


STEP = Step(
    "ct.check",
    "Measure HU, noise and edges of a CT image in given regions",
    run,
    CheckParams,
    reads={"image": Port("volume"), "reference": Port("volume", optional=True, many=True)},
    predict=_predict,
)
