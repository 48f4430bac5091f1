"""The parameters of `ct.reconstruct`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from scanmill.steps.contract import Params
from scanmill.steps.ct_unit import Unit

Method = Literal[
    "fbp", "fdk", "wfbp", "sirt", "os-sart", "sart", "cgls", "lsqr", "tv", "asd-pocs", "wavelet", "pwls",
    "ml-tr", "mlem", "osem",
]  # fmt: skip
Penalty = Literal["huber", "tv"]
Length = Annotated[int, Field(ge=1, le=65536)]
Spacing = Annotated[float, Field(gt=0, le=1e4)]


class ReconstructParams(Params):
    """Method, grid and what the iterations need."""

    method: Method = Field(
        default="fbp", description="fbp takes Feldkamp's form (fdk) for a cone beam; wfbp is for a helix"
    )
    unit: Unit = Field(default="auto", description="auto: HU where the scan knows the attenuation of water, else 1/mm")
    size: tuple[Length, Length] | tuple[Length, Length, Length] | None = Field(
        default=None, description="voxels (y, x) or (z, y, x); by default what the detector sees"
    )
    spacing: Spacing | tuple[Spacing, Spacing, Spacing] | None = Field(
        default=None, description="mm, one number or (x, y, z); by default a detector column at the axis"
    )
    window: Literal["ram-lak", "shepp-logan", "cosine", "hamming", "hann"] = Field(
        default="ram-lak", description="fbp, fdk, wfbp: the window on the ramp filter"
    )
    cutoff: float = Field(default=1.0, gt=0, le=1, description="fbp, fdk, wfbp: as a fraction of the Nyquist frequency")
    taper: float = Field(
        default=0.4, gt=0, le=1, description="wfbp: outer part of the detector's rows over which their weight falls"
    )
    n_iterations: int | None = Field(
        default=None, ge=1, le=100_000, description="by default what the method usually needs: 3 (sart) to 200 (tv)"
    )
    n_subsets: int = Field(
        default=10,
        ge=1,
        le=10_000,
        description="os-sart, asd-pocs, osem, ml-tr, pwls: at most one a view (pwls: a tenth of that)",
    )
    relaxation: float = Field(default=1.0, gt=0, lt=2, description="sirt, os-sart, sart, asd-pocs")
    weight: float | None = Field(
        default=None,
        ge=0,
        le=1e15,
        description="of the penalty; by default 0.05 (tv), 0.2 (wavelet), 300 (pwls, tv), 300 / delta (pwls, huber)",
    )
    penalty: Penalty = Field(default="huber", description="pwls: of the differences between neighbours")
    delta: float = Field(default=1e-3, gt=0, le=1e6, description="pwls: differences above this, in 1/mm, are edges")
    wavelet: Literal["haar", "db2", "db3", "db4"] = Field(default="db2", description="wavelet: the orthonormal filters")
    background: float = Field(default=0.0, ge=0, le=1e12, description="mlem, osem, ml-tr: counts that arrive anyhow")
    damping: float = Field(default=0.0, ge=0, le=1e6, description="cgls, lsqr: pulls the image to zero")
    non_negative: bool = Field(
        default=True, description="no voxel below zero (cgls, lsqr: at the end; ml-tr, mlem, osem: always)"
    )
    change_tolerance: float = Field(
        default=0.0, ge=0, lt=1, description="stop once an iteration changes the image by less than this part"
    )
    residual_tolerance: float = Field(
        default=0.0, ge=0, lt=1, description="stop once the data are met to this part (asd-pocs: least variation there)"
    )

    @property
    def weight_of_prior(self) -> float:
        """``weight``, or the method's default."""
        if self.weight is not None:
            return self.weight
        if self.method == "pwls":
            return 300.0 / (self.delta if self.penalty == "huber" else 1.0)
        return 0.2 if self.method == "wavelet" else 0.05
