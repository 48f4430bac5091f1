"""An image in colours as a file of the results: NIfTI's RGB, or a DICOM series of secondary captures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from scanmill.arrays import to_host
from scanmill.data import ColourVolume
from scanmill.errors import InputError
from scanmill.io.voxel_digest import voxel_digest
from scanmill.steps.contract import Context, SavedFile

FORMATS = ("nifti", "dicom")


def save_colour(image: ColourVolume, output: str, form: str | None, ctx: Context) -> tuple[SavedFile, ...]:
    """The files; no later stage reads them, since colours are to look at."""
    image = replace(image, array=to_host(image.array))
    form = form or FORMATS[0]
    if form not in FORMATS:
        raise InputError("colours are not saved in this format", where=output, expected=", ".join(FORMATS), got=form)
    digest = voxel_digest(image)
    if form == "dicom":
        return _dicom(image, output, digest, ctx)
    from scanmill.io.nifti import write_colour_nifti

    path = ctx.scratch / f"{output}.nii.gz"
    write_colour_nifti(path, image)
    return (SavedFile(output, path, "nifti-colour", digest),)


def _dicom(image: ColourVolume, output: str, digest: str, ctx: Context) -> tuple[SavedFile, ...]:
    from scanmill.io.dicom_colour import write_colour_series

    row = ctx.rows[0]
    keys = "+".join(one.row_key for one in ctx.rows)
    paths = write_colour_series(
        ctx.scratch / output,
        image,
        description=f"scanmill {output}",
        uid_seed=f"{keys}/{output}/{digest}",
        like=row.columns,
        sources=_sources(ctx),
        patient_key=str(row.columns.get("patient_key") or row.row_key)[:64],
        study_key=keys,
    )
    return tuple(SavedFile(output, path, "dicom-colour", digest) for path in paths)


def _sources(ctx: Context) -> list[str]:
    """The row keys of what the unit is made of: both sides of a pair, else its rows."""
    found: list[Any] = []
    for row in ctx.rows:
        sides = [row.columns.get(f"{side}_row_key") for side in ("fixed", "moving")]
        found += [key for key in sides if key] or [row.row_key]
    return [str(key) for key in found]
