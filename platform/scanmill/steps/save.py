"""`save`: a value becomes a file of the results, with the digest of its voxels and a picture."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from scanmill.algorithms.features import Embedding
from scanmill.algorithms.features.named import embedding_text
from scanmill.arrays import HostArray, to_host
from scanmill.data import ColourVolume, Entries, Frames, KSpace, Labels, Projections, Volume
from scanmill.errors import InputError
from scanmill.io.npz import write_npz
from scanmill.io.voxel_digest import voxel_digest
from scanmill.steps.contract import Context, Output, Params, Port, Prediction, SavedFile, Step
from scanmill.steps.mr_scale import scale_of
from scanmill.steps.pictures import central_slices, colour_slices, kspace, middle_slices, sinogram
from scanmill.steps.save_colour import save_colour
from scanmill.storage.faults import storage_faults

Value = Volume | Labels | Projections | KSpace
WRITE_BYTES_PER_SECOND = 40e6
SUFFIX = {"nifti": ".nii.gz", "npz": ".npz"}
MAX_FRAMES = 1000
FEW_STEPS = 100
"""An image that reaches fewer stored steps than this is warned of: its slope is too coarse."""


class SaveParams(Params):
    """What is written, and how."""

    output: str = Field(default="image", pattern=r"^[A-Za-z_]\w{0,40}$", description="its name in the results")
    format: Literal["nifti", "npz", "dicom", "h5", "tfm"] | None = Field(
        default=None,
        description="nifti (the default) for images and labels, npz for anything, dicom for images; of transforms h5 "
        "(the default), tfm, or nifti for a displacement field; entries and embeddings have a form of their own",
    )
    slope: float | None = Field(
        default=None,
        gt=0,
        le=1e12,
        description="dicom: the value of one stored step, for all rows alike; by default the finest of each image, "
        "and 1 for images of mr.reconstruct, whose `scale` serves",
    )
    picture: bool = Field(default=True, description="also a grey picture of the middle slices")
    window: tuple[float, float] | None = Field(
        default=None, description="black and white of the picture; the 0.5 and 99.5 percentiles where not given"
    )


def run(inputs: Mapping[str, Any], params: SaveParams, ctx: Context) -> Output:
    """Write the value into the scratch folder; equal values give equal bytes.

    Frames become an output each, called by the frame: ``image_echo_1``."""
    from scanmill.data.transforms import Transform
    from scanmill.steps.save_transform import save_transform

    value = inputs.get("image")
    if isinstance(value, Frames):
        return _frames(value, params, ctx)
    if isinstance(value, Transform):
        return Output(files=(save_transform(value, params.output, params.format, ctx.scratch),))
    if isinstance(value, ColourVolume):
        pictures = {f"{params.output}_slices": colour_slices(value)} if params.picture else {}
        return Output(files=save_colour(value, params.output, params.format, ctx), pictures=pictures)
    if isinstance(value, Entries | Embedding):
        return Output(files=(_found_by(value, params, ctx),))
    if not isinstance(value, Value):
        raise InputError("nothing to save", where=params.output, got=type(value).__name__,
                         expected="an image, labels, projections, k-space, entries or a transform")  # fmt: skip
    value = replace(value, array=to_host(value.array))
    form = params.format or "nifti"
    if form not in _WRITERS:
        raise InputError("a format of transforms", where=params.output, expected=", ".join(_WRITERS), got=form)
    files = _WRITERS[form](value, params, ctx)
    pictures = {}
    if params.picture:
        pictures = {f"{params.output}_slices": _picture(value, params)}
    return Output(files=files, pictures=pictures, warnings=_coarse(value, params))


def _found_by(value: Entries | Embedding, params: SaveParams, ctx: Context) -> SavedFile:
    """What images are found by has one form of its own, whatever the format."""
    if isinstance(value, Entries):
        path = ctx.scratch / f"{params.output}.npz"
        write_npz(path, value)
        return SavedFile(params.output, path, "entries", voxel_digest(value))
    path = ctx.scratch / f"{params.output}.json"
    with storage_faults(path.name):
        path.write_text(embedding_text(value), "utf-8")
    return SavedFile(params.output, path, "embedding", value.digest)


def _frames(frames: Frames, params: SaveParams, ctx: Context) -> Output:
    """Every frame as an image of its own; the picture has the middle slices of some of them."""
    if len(frames.names) > MAX_FRAMES:
        raise InputError(
            "too many frames", where=params.output, expected=f"at most {MAX_FRAMES}", got=len(frames.names)
        )
    names = [f"{params.output}_{re.sub(r'[^A-Za-z0-9]+', '_', name).strip('_')}"[:60] for name in frames.names]
    if len(set(names)) < len(names):
        names = [f"{params.output}_{number:03d}" for number in range(len(names))]
    files: list[SavedFile] = []
    warnings: list[str] = []
    for number, name in enumerate(names):
        volume = frames.volume(number)
        one = params.model_copy(update={"output": name, "picture": False})
        saved = run({"image": volume}, one, ctx)
        files += saved.files
        warnings += saved.warnings
    pictures = {f"{params.output}_frames": middle_slices(frames, params.window)} if params.picture else {}
    return Output(files=tuple(files), pictures=pictures, warnings=tuple(warnings))


def _picture(value: Value, params: SaveParams) -> HostArray:
    if isinstance(value, Projections):
        return sinogram(value)
    return kspace(value) if isinstance(value, KSpace) else central_slices(value, params.window)


def _coarse(value: Value, params: SaveParams) -> tuple[str, ...]:
    """The warning of an image whose stored numbers are too few."""
    if params.format != "dicom" or not isinstance(value, Volume) or (slope := _slope(value, params)) is None:
        return ()
    steps = float(abs(value.array).max()) / slope
    if steps >= FEW_STEPS:
        return ()
    return (f"{params.output} reaches {steps:.3g} of 32767 stored steps: take a larger scale, or a smaller slope",)


def _slope(value: Volume, params: SaveParams) -> float | None:
    return 1.0 if params.slope is None and scale_of(value) is not None else params.slope


def _nifti(value: Value, params: SaveParams, ctx: Context) -> tuple[SavedFile, ...]:
    from scanmill.io.nifti import write_nifti

    if isinstance(value, Projections | KSpace):
        kind = "projections" if isinstance(value, Projections) else "k-space"
        raise InputError(f"NIfTI holds no {kind}", where=params.output, do="save it with format: npz")
    _refuse_complex(value, params)
    return _saved(value, params, ctx, lambda path: write_nifti(path, value))


def _npz(value: Value, params: SaveParams, ctx: Context) -> tuple[SavedFile, ...]:
    return _saved(value, params, ctx, lambda path: write_npz(path, value))


def _saved(value: Value, params: SaveParams, ctx: Context, write: Callable[[Path], None]) -> tuple[SavedFile, ...]:
    form = params.format or "nifti"
    path = ctx.scratch / f"{params.output}{SUFFIX[form]}"
    write(path)
    return (SavedFile(params.output, path, form, voxel_digest(value)),)


def _dicom(value: Value, params: SaveParams, ctx: Context) -> tuple[SavedFile, ...]:
    from scanmill.io.dicom_rescale import Rescale
    from scanmill.io.dicom_write import write_series

    if not isinstance(value, Volume):
        raise InputError("only images become DICOM series", where=params.output, got=type(value).__name__)
    _refuse_complex(value, params)
    folder = ctx.scratch / params.output
    folder.mkdir()
    row = ctx.rows[0]
    key = str(row.columns.get("patient_key") or row.row_key)
    keys = "+".join(row.row_key for row in ctx.rows)
    digest = voxel_digest(value)
    slope = _slope(value, params)
    paths = write_series(
        folder,
        value,
        description=f"scanmill {params.output}",
        uid_seed=f"{keys}/{params.output}/{digest}",
        like=_facts(ctx),
        rescale=None if slope is None else Rescale(Decimal(repr(slope))),
        patient_key=key[:64],
        study_key=keys,
    )
    return tuple(SavedFile(params.output, path, "dicom", digest) for path in paths)


def _facts(ctx: Context) -> dict[str, Any]:
    """The public facts of the unit's rows, as far as they agree, without the modality."""
    first, *others = (row.columns for row in ctx.rows)
    known = {name: value for name, value in first.items() if value is not None and value == value}
    return {
        name: value
        for name, value in known.items()
        if name != "Modality" and all(columns.get(name) == value for columns in others)
    }


def _refuse_complex(value: Volume | Labels, params: SaveParams) -> None:
    if value.array.dtype.kind == "c":
        raise InputError("the image is complex", where=params.output, do="save it with format: npz")


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
    "Write an image, labels, projections, k-space, a transform, entries or an embedding into the results",
    run,
    SaveParams,
    reads={"image": Port("any")},
    predict=_predict,
    phase="write",
)
