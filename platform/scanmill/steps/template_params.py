"""What a template is built with."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from scanmill.geometry import VolumeGeometry
from scanmill.steps.contract import Params

Size = tuple[int, int, int]
Spacing = tuple[float, float, float]


class TemplateParams(Params):
    """The grid of the first template, and how images are made comparable."""

    size: Size | None = Field(
        default=None, description="(x, y, z) voxels of the first template; where not given, the images' own common grid"
    )
    spacing: Spacing = Field(default=(1.0, 1.0, 1.0), description="(x, y, z) mm of the first template")
    placement: Literal["centres", "as-stored"] = Field(
        default="centres", description="of the first template: the middles of all images on each other, or as stored"
    )
    intensity: Literal["percentiles", "as-stored"] = Field(
        default="percentiles", description="percentiles: the 1st and 99th of every image at 0 and 1"
    )
    mean_shape: bool = Field(
        default=True, description="move the mean image into the mean shape of all (where transforms are read)"
    )

    def grid(self) -> VolumeGeometry | None:
        """The first template's grid, its middle at 0."""
        return None if self.size is None else VolumeGeometry.centered(self.size[::-1], self.spacing)
