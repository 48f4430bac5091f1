"""One image from whatever file or folder somebody holds in their hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from scanmill.data import Volume
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry
from scanmill.io import png
from scanmill.io.array_info import MAX_BYTES
from scanmill.io.dicom_series import read_series
from scanmill.io.nifti import read_nifti
from scanmill.io.npz import read_npz
from scanmill.io.nrrd import read_nrrd

READ = "a DICOM file or folder, NIfTI, NRRD, PNG or our npz"


def read_image(path: Path) -> Volume:
    """A volume, or a picture as a volume of one plane; InputError where it is no image that is read."""
    if path.is_dir():
        return read_series(dicom_files(path))
    name = path.name.lower()
    if name.endswith((".nii", ".nii.gz")):
        return read_nifti(path)
    if name.endswith(".nrrd"):
        return read_nrrd(path)
    if name.endswith(".png"):
        pixels = png.read_grey(path, MAX_BYTES)[None].astype(np.float32)
        return Volume(pixels, VolumeGeometry.centered(pixels.shape))
    if name.endswith(".npz"):
        found = read_npz(path)
        if not isinstance(found, Volume):
            raise InputError("the file holds no image", where=path.name, got=type(found).__name__)
        return found
    if not looks_like_dicom(path):
        raise InputError("this is no image that is read", expected=READ, got=path.suffix or "no ending")
    return read_series([path])


def dicom_files(path: Path) -> list[Path]:
    """The DICOM files of a folder, or the file itself; InputError where there is none."""
    found = sorted(path.iterdir()) if path.is_dir() else [path]
    files = [one for one in found if looks_like_dicom(one)]
    if not files:
        folders = sum(one.is_dir() for one in found)
        raise InputError(
            "the folder holds no DICOM file", expected=READ, got=f"{len(found) - folders} other files",
            do="choose the folder of one series below it" if folders else None,
        )  # fmt: skip
    return files


def looks_like_dicom(path: Path) -> bool:
    """Whether a file begins as DICOM does."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"
