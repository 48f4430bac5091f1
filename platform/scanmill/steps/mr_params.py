"""The parameters of `mr.reconstruct`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from scanmill.steps.contract import Params

Method = Literal[
    "zero-filled", "adaptive", "homodyne", "pocs", "grappa", "spirit", "cg-sense", "l1-wavelet", "tv", "tgv", "llr",
    "l+s", "nlinv", "grasp", "radial-3d",
]  # fmt: skip
Tolerance = Annotated[float, Field(ge=0, lt=1)]


class ReconstructParams(Params):
    """Method, what it iterates with, and what is given out."""

    method: Method = Field(
        default="zero-filled",
        description="zero-filled and nlinv need no sensitivities, grappa and spirit may have none",
    )
    output: Literal["magnitude", "complex"] = Field(
        default="magnitude", description="complex needs format: npz to save"
    )
    scale: float = Field(
        default=1.0,
        gt=0,
        le=1e12,
        description="what images are multiplied by, for all rows alike; recorded as metric and in every image's unit",
    )
    frame: str | None = Field(
        default=None, max_length=200, description="the frame that `image` shows; by default the first"
    )
    crop: bool = Field(default=True, description="only the part that the scan says is to be given out")
    n_iterations: int | None = Field(
        default=None, ge=1, le=100_000, description="by default what the method usually needs: 8 (nlinv) to 100 (tv)"
    )
    weight: float | None = Field(
        default=None,
        ge=0,
        le=1e6,
        description="of the penalty, in parts of the greatest voxel of Aᴴ y; by default found from the data's noise; "
        "cg-sense: of ‖x‖² beside ‖A x - y‖², by default 0",
    )
    sparse_weight: float | None = Field(
        default=None, ge=0, le=1e6, description="l+s: of the sparse part, as weight is of that of low rank"
    )
    wavelet: Literal["haar", "db2", "db3", "db4"] = Field(default="db2", description="l1-wavelet, radial-3d")
    second_order: float = Field(default=2.0, gt=0, le=100, description="tgv: what bends cost, over what edges cost")
    block: int = Field(default=8, ge=2, le=64, description="llr: side of a block in voxels")
    kernel: tuple[int, int, int] | None = Field(
        default=None, description="grappa, spirit: samples that the kernel spans (z, y, x), odd; by default by the mask"
    )
    regularisation: float = Field(
        default=0.01, ge=0, le=1e3, description="grappa, spirit: of the kernel, in parts of a sample's mean energy"
    )
    partial_fourier: Literal["zero", "homodyne", "pocs"] = Field(
        default="zero", description="grappa, spirit: what becomes of the part that no kernel reaches"
    )
    density: Literal["auto", "none", "pipe-menon", "voronoi", "radial"] = Field(
        default="auto",
        description="density compensation of a trajectory; auto: pipe-menon where gridding alone makes the image",
    )
    strategy: Literal["gather", "scatter"] = Field(
        default="gather", description="radial-3d: how gridding is shared out"
    )
    module_times: bool = Field(
        default=False, description="radial-3d: the seconds of every module as metrics, which no two runs have alike"
    )
    change_tolerance: Tolerance = Field(
        default=0.0, description="stop once an iteration changes the image by less than this part"
    )
    residual_tolerance: Tolerance = Field(default=0.0, description="stop once the data are met to this part")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.kernel is not None and any(n < 1 or n % 2 == 0 or n > 31 for n in self.kernel):
            raise ValueError("kernel: odd numbers from 1 to 31")
        if self.sparse_weight is not None and self.weight is None:
            raise ValueError("sparse_weight goes with weight: give both, or neither")
        return self
