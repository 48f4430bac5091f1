"""A transform as a file of the results: ITK's formats, or a displacement field as NIfTI."""

from __future__ import annotations

from pathlib import Path

from scanmill.data.transforms import DisplacementField, Transform, VelocityField
from scanmill.errors import InputError
from scanmill.io.voxel_digest import transform_digest
from scanmill.steps.contract import SavedFile

FORMATS = ("h5", "tfm", "nifti")


def save_transform(transform: Transform, output: str, form: str | None, scratch: Path) -> SavedFile:
    """``h5`` (the default) and ``tfm`` hold any kind and chains; ``nifti`` one field, as ANTs and greedy read it.

    A velocity field is written as the displacements of its exponential. The same transform gives the same bytes.
    """
    from scanmill.io.displacement_nifti import write_displacement_field
    from scanmill.io.itk_transform import write_itk_transform

    form = form or FORMATS[0]
    if form not in FORMATS:
        raise InputError("a transform is not saved in this format", where=output, expected=", ".join(FORMATS), got=form)
    if isinstance(transform, VelocityField):
        transform = transform.displacement
    if form != "nifti":
        path = scratch / f"{output}.{form}"
        write_itk_transform(path, transform)
        return SavedFile(output, path, "itk", transform_digest(transform))
    if not isinstance(transform, DisplacementField):
        raise InputError("NIfTI holds a displacement field", where=output, got=type(transform).__name__,
                         do="save it with format: h5")  # fmt: skip
    path = scratch / f"{output}.nii.gz"
    write_displacement_field(path, transform)
    return SavedFile(output, path, "displacement", transform_digest(transform))
