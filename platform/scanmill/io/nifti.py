"""NIfTI-1 and -2 images: RAS and column-major order end here."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scanmill.arrays import HostArray, to_host
from scanmill.data import ColourVolume, Labels, Volume
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry
from scanmill.io.affine_grid import grid_of_affine
from scanmill.io.array_info import MAX_BYTES, unreadable
from scanmill.io.voxel_limit import check_voxels
from scanmill.storage.faults import storage_faults, translated

if TYPE_CHECKING:
    from collections.abc import Iterator

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
MM_PER_UNIT = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
"""NIfTI's codes for unknown (taken as mm), metre, mm and micrometre."""
LABEL_LIMIT = 65535
RGB24 = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
WRITER = b"scanmill"
"""In ``descrip``; only in files that carry it is ``intent_name`` the unit of the numbers."""


def read_nifti(path: Path, *, max_bytes: int = MAX_BYTES) -> Volume:
    """A 2D or 3D image as float32 (z, y, x) in LPS mm, with ``scl_slope`` and ``scl_inter`` applied.

    The sform counts where its code is positive, else the qform, else pixdim alone (as in the standard). A fourth axis
    of length one is dropped. Raises InputError for a truncated or corrupt file, more than one frame, complex or
    colour voxels, a sheared affine, or a header that claims more than ``max_bytes``.
    """
    with np.errstate(all="ignore"), opened_nifti(path) as image:
        geometry = _geometry(image, path)
        check_voxels(geometry.shape, where=path.name, max_bytes=max_bytes)
        _refuse_unless(np.dtype(image.get_data_dtype()).kind in "iuf", path, "voxels must be real numbers", image)
        stored = _stored(image, geometry.shape)
        array = _scaled(stored, float(image.dataobj.slope), float(image.dataobj.inter))
        return Volume(array, geometry, _unit(image.header))


def nifti_geometry(path: Path) -> VolumeGeometry:
    """The grid of an image from its header alone; errors as in :func:`read_nifti`, but for those of its voxels."""
    with np.errstate(all="ignore"), opened_nifti(path) as image:
        return _geometry(image, path)


def read_labels(path: Path, *, names: Mapping[int, str] | None = None, max_bytes: int = MAX_BYTES) -> Labels:
    """A segmentation as uint8 or uint16; values must be whole, from 0 to 65535. Errors as in :func:`read_nifti`."""
    volume = read_nifti(path, max_bytes=max_bytes)
    low, high = float(volume.array.min()), float(volume.array.max())
    if not (low >= 0 and high <= LABEL_LIMIT and np.array_equal(volume.array, np.rint(volume.array))):
        raise InputError(
            "labels must be whole numbers", where=path.name, expected=f"0 to {LABEL_LIMIT}", got=f"{low:g} to {high:g}"
        )
    kind = np.uint8 if high <= 255 else np.uint16
    return Labels(volume.array.astype(kind), volume.geometry, dict(names or {}))


def write_nifti(path: Path, image: Volume | Labels, *, compresslevel: int = 1) -> None:
    """Write ``.nii`` or ``.nii.gz``; the same image gives the same bytes.

    Volumes are stored as float32, or as they are if (u)int8 or (u)int16; labels as uint8 or uint16. sform and qform
    both carry the grid (code 1, scanner), the unit is mm. Label names are not stored. Raises InputError for labels
    out of range and ResourceError for a full or read-only disk.
    """
    voxels = _voxels_to_store(image)
    unit = getattr(image, "unit", "").encode()[:15]
    save_nifti(path, nifti_image(voxels.T, image.geometry, unit), compresslevel)


def write_colour_nifti(path: Path, image: ColourVolume, *, compresslevel: int = 1) -> None:
    """Colours as NIfTI's RGB24; the same image gives the same bytes."""
    colours = np.ascontiguousarray(to_host(image.array)).view(RGB24)[..., 0]
    save_nifti(path, nifti_image(colours.T, image.geometry, b""), compresslevel)


def nifti_image(voxels: HostArray, geometry: VolumeGeometry, intent_name: bytes) -> Any:
    """A nibabel image of ``voxels`` (x, y, z, ...): NIfTI-1, or -2 where an axis is too long for it."""
    import nibabel

    small = max(voxels.shape) <= np.iinfo(np.int16).max
    affine = RAS_TO_LPS @ geometry.index_to_point
    kind: Any = nibabel.Nifti1Image if small else nibabel.Nifti2Image
    nifti = kind(voxels, affine)
    nifti.set_sform(affine, code=1)
    nifti.set_qform(affine, code=1)
    nifti.header.set_xyzt_units("mm")
    nifti.header["descrip"] = WRITER
    nifti.header["intent_name"] = intent_name
    return nifti


def save_nifti(path: Path, nifti: Any, compresslevel: int) -> None:
    """To ``.nii`` or ``.nii.gz``, without a name and a time in it."""
    with storage_faults(path.name), path.open("wb") as file:
        if path.name.endswith(".gz"):
            with gzip.GzipFile("", "wb", compresslevel, file, mtime=0) as packed:
                nifti.to_stream(packed)
        else:
            nifti.to_stream(file)


@contextmanager
def opened_nifti(path: Path) -> Iterator[Any]:
    """The nibabel image; whatever goes wrong with its content while it is open is an InputError."""
    import nibabel
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError, HeaderTypeError
    from nibabel.wrapstruct import WrapStructError

    with storage_faults(path.name), path.open("rb") as file:
        file.read(1)
    broken = (ImageFileError, HeaderDataError, HeaderTypeError, WrapStructError, EOFError, zlib.error)
    try:
        image = nibabel.load(path)
        _refuse_unless(isinstance(image, nibabel.Nifti1Pair), path, "not a NIfTI image", image)
        yield image
    except (*broken, ValueError, OverflowError) as error:
        raise unreadable(path, "NIfTI") from error
    except OSError as error:
        raise (translated(error, path.name) if error.errno else unreadable(path, "NIfTI")) from error


def _refuse_unless(good: bool, path: Path, what: str, image: Any) -> None:
    if not good:
        raise InputError(what, where=path.name, got=f"{image.get_data_dtype()} {image.shape}")


def _geometry(image: Any, path: Path) -> VolumeGeometry:
    shape = tuple(int(n) for n in image.shape)
    spatial = (*shape, 1, 1)[:3] if len(shape) >= 2 else ()
    _refuse_unless(bool(spatial) and min(shape) > 0, path, "an image needs two or three axes", image)
    _refuse_unless(all(n == 1 for n in shape[3:]), path, "an image with several frames", image)
    return grid_of(image, (spatial[2], spatial[1], spatial[0]), path)


def grid_of(image: Any, shape: tuple[int, int, int], path: Path) -> VolumeGeometry:
    """The grid of an open file's first three axes, in mm; `InputError` for a sheared or flat affine."""
    affine = RAS_TO_LPS @ np.asarray(image.affine, dtype=np.float64)
    affine[:3] *= MM_PER_UNIT.get(int(image.header["xyzt_units"]) & 7, 1.0)
    return grid_of_affine(affine, shape, path.name)


def _stored(image: Any, shape: tuple[int, int, int]) -> HostArray:
    stored: HostArray = np.asanyarray(image.dataobj.get_unscaled())
    return stored.T.reshape(shape)


def _scaled(stored: HostArray, slope: float, inter: float) -> HostArray:
    """``slope * stored + inter`` in float64, plane by plane, as float32."""
    array = np.empty(stored.shape, dtype=np.float32)
    for plane, values in zip(array, stored, strict=True):
        plane[...] = values if (slope, inter) == (1.0, 0.0) else values * np.float64(slope) + inter
    return array


def _unit(header: Any) -> str:
    ours = bytes(header["descrip"].item()) == WRITER
    return bytes(header["intent_name"].item()).decode(errors="replace") if ours else ""


def _voxels_to_store(image: Volume | Labels) -> HostArray:
    voxels = to_host(image.array)
    if isinstance(image, Volume):
        small = voxels.dtype.kind in "iu" and voxels.dtype.itemsize <= 2
        return np.ascontiguousarray(voxels, dtype=None if small else np.float32)
    low, high = int(voxels.min()), int(voxels.max())
    if low < 0 or high > LABEL_LIMIT:
        raise InputError("labels out of range", expected=f"0 to {LABEL_LIMIT}", got=f"{low} to {high}")
    return np.ascontiguousarray(voxels, dtype=np.uint8 if high <= 255 else np.uint16)
