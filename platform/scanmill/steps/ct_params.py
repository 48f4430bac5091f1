"""The parameters of `ct.reconstruct`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from scanmill.steps.contract import Params

Method = Literal["fbp", "fdk", "sirt", "os-sart", "cgls", "tv"]
Length = Annotated[int, Field(ge=1, le=65536)]
Spacing = Annotated[float, Field(gt=0, le=1e4)]


class ReconstructParams(Params):
    """Method, grid and what the iterations need."""

    method: Method = Field(default="fbp", description="fbp takes Feldkamp's form (fdk) for a cone beam")
    size: tuple[Length, Length] | tuple[Length, Length, Length] | None = Field(
        default=None, description="voxels (y, x) or (z, y, x); by default what the detector sees"
    )
    spacing: Spacing | tuple[Spacing, Spacing, Spacing] | None = Field(
        default=None, description="mm, one number or (x, y, z); by default a detector column at the axis"
    )
    window: Literal["ram-lak", "shepp-logan", "cosine", "hamming", "hann"] = Field(
        default="ram-lak", description="fbp, fdk: the window on the ramp filter"
    )
    cutoff: float = Field(default=1.0, gt=0, le=1, description="fbp, fdk: as a fraction of the Nyquist frequency")
    n_iterations: int | None = Field(
        default=None, ge=1, le=100_000, description="by default 50 (sirt), 10 (os-sart), 20 (cgls), 200 (tv)"
    )
    n_subsets: int = Field(default=10, ge=1, le=10_000, description="os-sart: never more than there are views")
    relaxation: float = Field(default=1.0, gt=0, lt=2, description="sirt, os-sart")
    weight: float = Field(default=0.05, ge=0, le=1e6, description="tv: weight of the total variation")
    damping: float = Field(default=0.0, ge=0, le=1e6, description="cgls: pulls the image to zero")
    non_negative: bool = Field(default=True, description="iterative methods: no voxel below zero (cgls: at the end)")
    change_tolerance: float = Field(
        default=0.0, ge=0, lt=1, description="stop once an iteration changes the image by less than this part"
    )
