"""Rows of NIfTI images: one file each, known by its path."""

from __future__ import annotations

from scanmill.cohort.found_row import Found, FoundFile, FoundRow, Problem, Root
from scanmill.cohort.row_key import path_row_key

ENDINGS = (".nii", ".nii.gz")


def nifti_row(root: Root, path: str, *, project: str = "") -> Found:
    """The row of one image, from its header."""
    from scanmill.io.nifti import nifti_geometry

    try:
        grid = nifti_geometry(root.folder / path)
        key = path_row_key(path, project=project)
    except Exception as error:  # noqa: BLE001 - whatever a file does to its reader becomes a problem of that file
        return Problem.of(error, root, path)
    columns = {
        **dict(zip(("size_z", "size_y", "size_x"), grid.shape, strict=True)),
        **dict(zip(("spacing_x", "spacing_y", "spacing_z"), grid.spacing, strict=True)),
    }
    return FoundRow(key, root, (FoundFile("image", "nifti", path),), columns)
