"""A file that marks regions of an image: NIfTI or NRRD masks, DICOM segmentations, RT Structure Sets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from scanmill.data import Labels
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry
from scanmill.io.dicom_file import sop_class
from scanmill.io.dicom_segments import SEGMENTATIONS, read_segments
from scanmill.io.image_file import looks_like_dicom
from scanmill.io.nifti import read_labels
from scanmill.io.nrrd import read_nrrd_labels
from scanmill.io.rtstruct import RTSTRUCT, read_structures

MARKED = "NIfTI, NRRD, DICOM SEG or RTSTRUCT"
GRID_TOLERANCE = 0.1
"""How far, in voxels, the corners of a mask may lie from those of the image."""


def read_regions(path: Path, grid: VolumeGeometry) -> Iterator[Labels]:
    """The marked regions on the ``grid`` of their image; one ``Labels`` or one for each region, as the format has it.

    Messages call the file ``mask``, since its name may be a patient's. Raises InputError for a file of another kind
    and for one that does not fit the image.
    """
    if path.name.lower().endswith((".nii", ".nii.gz", ".nrrd")):
        labels = read_nrrd_labels(path) if path.name.lower().endswith(".nrrd") else read_labels(path)
        if not labels.geometry.is_close(grid, GRID_TOLERANCE * min(grid.spacing)):
            raise InputError(
                "the mask lies on another grid than the image", expected=_told(grid), got=_told(labels.geometry),
                do="resample it to the image",
            )  # fmt: skip
        yield labels
        return
    if not looks_like_dicom(path):
        got = "a folder" if path.is_dir() else path.suffix or "no ending"
        raise InputError("the file marks no regions", where="mask", expected=MARKED, got=got)
    kind = sop_class(path, "mask")
    if kind in SEGMENTATIONS:
        yield from read_segments(path, grid, "mask")
    elif kind == RTSTRUCT:
        yield from read_structures(path, grid, "mask")
    else:
        raise InputError("the file marks no regions", where="mask", expected=MARKED, got="another DICOM object")


def _told(grid: VolumeGeometry) -> str:
    """A grid in a message.

    >>> _told(VolumeGeometry((5, 6, 7), (1.0, 1.0, 2.5)))
    '7,6,5 voxels of 1,1,2.5 mm from 0,0,0'
    """
    numbers = (",".join(f"{number:.4g}" for number in three) for three in (grid.shape[::-1], grid.spacing, grid.origin))
    return "{} voxels of {} mm from {}".format(*numbers)
