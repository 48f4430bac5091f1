"""The parameters of `ct.prepare`."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from scanmill.steps.contract import Params


class ScatterParams(Params):
    """The kernel of this scanner (`fit_scatter_kernel`)."""

    amplitude: float = Field(gt=0, le=1, description="in 1/mm² of the detector")
    alpha: float = Field(default=1.0, ge=0, le=3, description="power of the primary")
    beta: float = Field(default=1.0, ge=0, le=3, description="power of the line integral")
    sigma_mm: float = Field(gt=0, le=1e4, description="width on the detector")
    wide_share: float = Field(default=0.0, ge=0, le=100, description="share of a second, wider Gaussian")
    wide_sigma_mm: float = Field(default=100.0, gt=0, le=1e4, description="its width")


class BeamHardeningParams(Params):
    """Of a tube, or of a polynomial that was fitted before."""

    kvp: float | None = Field(default=None, ge=20, le=200, description="voltage of the tube, for a model spectrum")
    aluminium_mm: float = Field(default=6.0, ge=0, le=100, description="with kvp: the filter, in mm of aluminium")
    coefficients: tuple[float, ...] | None = Field(
        default=None, min_length=1, max_length=8, description="instead of kvp: a1, a2, ... of p, p², ..."
    )
    largest: float = Field(default=10.0, gt=0, le=50, description="with coefficients: valid up to this line integral")
    water: float | None = Field(
        default=None, gt=0, lt=1, description="with coefficients: the attenuation of water afterwards, 1/mm"
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.kvp is None) == (self.coefficients is None) or (self.coefficients and self.water is None):
            raise ValueError("give kvp, or coefficients with water")
        return self


class PrepareParams(Params):
    """Flat field, corrections, logarithm and axis of rotation; corrections that are not named are not made."""

    floor: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="least transmission that is believed; half a photon where the dose is known, else 1e-4",
    )
    logarithm: bool = Field(default=True, description="false: give transmissions, as ml-tr wants them")
    bad_pixels: bool = Field(default=False, description="find pixels that disagree with their neighbours, fill them")
    scatter: ScatterParams | None = Field(
        default=None,
        description="take off scatter: {amplitude, sigma_mm, alpha, beta, wide_share, wide_sigma_mm} of this scanner",
    )
    starvation: float | None = Field(
        default=None, gt=0, le=1e6, description="average neighbours where fewer photons arrive; 30 is usual"
    )
    beam_hardening: BeamHardeningParams | None = Field(
        default=None, description="straighten water: {kvp: 120}, or coefficients of a fitted polynomial"
    )
    rings: int | None = Field(
        default=None, ge=3, le=1001, description="remove stripes by a median over so many (odd) columns; 7 is usual"
    )
    ring_method: Literal["offset", "sorted"] = Field(
        default="offset", description="offset: wrong gains; sorted: also stripes that depend on the intensity"
    )
    truncation: float | None = Field(
        default=None, gt=0, le=2, description="continue a cut-off object on each side by this part of the columns"
    )
    water_attenuation: float | None = Field(
        default=None, gt=0, lt=1, description="of this beam in 1/mm, from which Hounsfield units are made"
    )
    center: Literal["given", "find"] = Field(
        default="given", description="find: estimate the column of the axis of rotation and correct the geometry"
    )
    center_method: Literal["auto", "opposite", "double_wedge", "search"] = Field(
        default="auto",
        description="opposite views or double_wedge for parallel beams; search for the best image for any beam",
    )
    search_columns: float = Field(
        default=16.0, gt=0, le=1000, description="search: how far from the given axis to look, in columns"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.rings is not None and self.rings % 2 == 0:
            raise ValueError("rings: a median is taken over an odd number of columns")
        needs_log = [name for name in ("beam_hardening", "rings", "truncation") if getattr(self, name) is not None]
        if not self.logarithm and (needs_log or self.center == "find"):
            raise ValueError(f"{', '.join(needs_log) or 'center: find'} needs the logarithm")
        return self
