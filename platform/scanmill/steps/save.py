"""`save`: a value becomes a file of the results, with the digest of its voxels and a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from scanmill.arrays import to_host
from scanmill.data import Labels, Projections, Volume
from scanmill.errors import InputError
from scanmill.io.voxel_digest import voxel_digest
from scanmill.steps.contract import Context, Output, Params, Port, Prediction, SavedFile, Step
from scanmill.steps.pictures import central_slices, sinogram

Value = Volume | Labels | Projections
WRITE_BYTES_PER_SECOND = 40e6
SUFFIX = {"nifti": ".nii.gz", "npz": ".npz"}


class SaveParams(Params):
    """What is written, and how."""

    output: str = Field(default="image", pattern=r"^[A-Za-z_]\w{0,40}$", description="its name in the results")
    format: Literal["nifti", "npz", "dicom"] = Field(
        default="nifti", description="nifti for images and labels, npz for anything, dicom for images"
    )
    picture: bool = Field(default=True, description="also a grey picture of the middle slices")
    window: tuple[float, float] | None = Field(
        default=None, description="black and white of the picture; the 0.5 and 99.5 percentiles where not given"
    )


def run(inputs: Mapping[str, Any], params: SaveParams, ctx: Context) -> Output:
    """Write the value into the scratch folder; equal values give equal bytes."""
    value = inputs.get("image")
    if not isinstance(value, Volume | Labels | Projections):
        raise InputError("nothing to save", where=params.output, expected="an image, labels or projections", got=value)
    value = replace(value, array=to_host(value.array))
    files = _WRITERS[params.format](value, params, ctx)
    pictures = {}
    if params.picture:
        shown = sinogram(value) if isinstance(value, Projections) else central_slices(value, params.window)
        pictures = {f"{params.output}_slices": shown}
    return Output(files=files, pictures=pictures)


def _nifti(value: Value, params: SaveParams, ctx: Context) -> tuple[SavedFile, ...]:
    from scanmill.io.nifti import write_nifti

    if isinstance(value, Projections):
        raise InputError("NIfTI holds no projections", where=params.output, do="save them with format: npz")
    return _saved(value, params, ctx, lambda path: write_nifti(path, value))


def _npz(value: Value, params: SaveParams, ctx: Context) -> tuple[SavedFile, ...]:
    from scanmill.io.npz import write_npz

    return _saved(value, params, ctx, lambda path: write_npz(path, value))


def _saved(value: Value, params: SaveParams, ctx: Context, write: Callable[[Path], None]) -> tuple[SavedFile, ...]:
    path = ctx.scratch / f"{params.output}{SUFFIX[params.format]}"
    write(path)
    return (SavedFile(params.output, path, params.format, voxel_digest(value)),)


def _dicom(value: Value, params: SaveParams, ctx: Context) -> tuple[SavedFile, ...]:
    from scanmill.io.dicom_write import write_series

    if not isinstance(value, Volume):
        raise InputError("only images become DICOM series", where=params.output, got=type(value).__name__)
    folder = ctx.scratch / params.output
    folder.mkdir()
    row = ctx.rows[0]
    key = str(row.columns.get("patient_key") or row.row_key)
    keys = "+".join(row.row_key for row in ctx.rows)
    digest = voxel_digest(value)
    paths = write_series(
        folder,
        value,
        description=f"scanmill {params.output}",
        uid_seed=f"{keys}/{params.output}/{digest}",
        patient_key=key[:64],
        study_key=keys,
    )
    return tuple(SavedFile(params.output, path, "dicom", digest) for path in paths)


_WRITERS: Mapping[str, Callable[[Value, SaveParams, Context], tuple[SavedFile, ...]]] = {
    "nifti": _nifti,
    "npz": _npz,
    "dicom": _dicom,
}


def _predict(columns: Mapping[str, Any], params: SaveParams, device: str) -> Prediction:
    from scanmill.steps.sizes import image_voxels

    n_bytes = 4 * image_voxels(columns)
    return Prediction(0.05 + n_bytes / WRITE_BYTES_PER_SECOND, 0, n_bytes)


STEP = Step(
    "save",
    "Write an image, labels or projections into the results",
    run,
    SaveParams,
    reads={"image": Port("any")},
    predict=_predict,
    phase="write",
)
