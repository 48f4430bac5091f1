"""DICOM's Spatial Registration and Deformable Spatial Registration: frames of reference brought together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scanmill.arrays import HostArray
from scanmill.data.transforms import Affine, Chain, DisplacementField, Rigid, Transform
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry
from scanmill.io.array_info import MAX_BYTES
from scanmill.io.dicom_file import content_faults, numbers, read_whole
from scanmill.io.told_with_file import told_with_file
from scanmill.io.voxel_limit import check_voxels

if TYPE_CHECKING:
    from pydicom import Dataset

LINEAR, DEFORMABLE = "1.2.840.10008.5.1.4.1.1.66.1", "1.2.840.10008.5.1.4.1.1.66.3"


@dataclass(frozen=True, eq=False)
class SpatialRegistration:
    """What one object says: how its own frame of reference (the fixed one) maps into others (the moving ones).

    ``transforms`` are by the other frame's UID, from fixed to moving points in LPS mm, as everywhere here.
    """

    frame_of_reference_uid: str
    transforms: Mapping[str, Transform]

    def to(self, frame_of_reference_uid: str) -> Transform:
        """The transform into one frame of reference; `InputError` where the object does not tell it."""
        if frame_of_reference_uid not in self.transforms:
            raise InputError("the registration does not tell of this frame of reference", got=frame_of_reference_uid)
        return self.transforms[frame_of_reference_uid]


def read_registration(path: Path, *, max_bytes: int = MAX_BYTES) -> SpatialRegistration:
    """Both kinds of object; an item that names only images, and no frame of reference, is left out.

    The matrices of a Spatial Registration map the other frame into the object's own, so they are inverted here; a
    deformable one goes our way: x_source = M_post (M_pre x + d(x)), with d linear between the points of its grid, and
    zero outside. Raises InputError for another object, missing or wrong attributes, a matrix that cannot be inverted,
    and vectors that are undefined (NaN). Source: DICOM PS3.3, C.20.2 and C.20.3.1.1.
    """
    where = path.name
    dataset = read_whole(path, where, max_bytes)
    with content_faults(where, "not a readable registration"), told_with_file(where):
        kind, own = (str(dataset.get(keyword) or "") for keyword in ("SOPClassUID", "FrameOfReferenceUID"))
        if kind not in (LINEAR, DEFORMABLE):
            raise InputError("not a spatial registration", expected=f"{LINEAR} or {DEFORMABLE}", got=kind)
        if not own:
            raise InputError("FrameOfReferenceUID is missing")
        found = _linear(dataset, where) if kind == LINEAR else _deformable(dataset, where, max_bytes)
    if not found:
        raise InputError("the registration names no frame of reference", where=where)
    return SpatialRegistration(own, found)


def _linear(dataset: Dataset, where: str) -> dict[str, Transform]:
    found: dict[str, Transform] = {}
    for item in _items(dataset, "RegistrationSequence", where):
        matrices = [
            _matrix(matrix, where)
            for registration in _items(item, "MatrixRegistrationSequence", where)
            for matrix in _items(registration, "MatrixSequence", where)
        ]
        if uid := str(item.get("FrameOfReferenceUID") or ""):
            back = tuple(matrix.inverse() for matrix in matrices)
            found[uid] = back[0] if len(back) == 1 else Chain(back)
    return found


def _deformable(dataset: Dataset, where: str, max_bytes: int) -> dict[str, Transform]:
    found: dict[str, Transform] = {}
    for item in _items(dataset, "DeformableRegistrationSequence", where):
        before, after = (
            [_matrix(matrix, where) for matrix in item.get(f"{name}DeformationMatrixRegistrationSequence") or ()]
            for name in ("Pre", "Post")
        )
        parts: list[Transform] = [*after, *before]
        for grid in item.get("DeformableRegistrationGridSequence") or ():
            vectors, geometry = _vectors(grid, where, max_bytes)
            for matrix in before:  # M x + d = M (x + M^-1 d)
                vectors = vectors @ np.linalg.inv(matrix.matrix).T
            parts.append(DisplacementField(vectors.astype(np.float32), geometry))
        if uid := str(item.get("SourceFrameOfReferenceUID") or ""):
            found[uid] = parts[0] if len(parts) == 1 else Chain(tuple(parts)) if parts else Affine(np.eye(3))
    return found


def _items(dataset: Dataset, keyword: str, where: str) -> list[Any]:
    items = list(dataset.get(keyword) or ())
    if not items:
        raise InputError(f"{keyword} is missing or empty", where=where)
    return items


def _matrix(item: Dataset, where: str) -> Affine | Rigid:
    values = np.reshape(numbers(item, "FrameOfReferenceTransformationMatrix", 16, where), (4, 4))
    affine = Affine.from_affine(values)
    if str(item.get("FrameOfReferenceTransformationMatrixType") or "") != "RIGID":
        return affine
    return Rigid.from_matrix(affine.matrix, affine.translation)


def _vectors(item: Dataset, where: str, max_bytes: int) -> tuple[HostArray, VolumeGeometry]:
    sizes = [int(n) for n in numbers(item, "GridDimensions", 3, where)]
    if min(sizes) < 1:
        raise InputError("GridDimensions must be positive", where=where, got=sizes)
    shape = (sizes[2], sizes[1], sizes[0])
    check_voxels(shape, where=where, bytes_per_voxel=12, max_bytes=max_bytes)
    data = item.get("VectorGridData")
    n_bytes = len(data) if isinstance(data, bytes) else 0
    if n_bytes != 12 * shape[0] * shape[1] * shape[2]:
        raise InputError(
            "VectorGridData does not fit its grid", where=where, expected=f"{sizes} x 12 bytes", got=n_bytes
        )
    row, column = np.reshape(numbers(item, "ImageOrientationPatient", 6, where), (2, 3))
    direction = np.stack([row, column, np.cross(row, column)], axis=1)
    spacing = numbers(item, "GridResolution", 3, where)
    origin = numbers(item, "ImagePositionPatient", 3, where)
    geometry = VolumeGeometry(shape, spacing, origin, tuple(map(tuple, direction)))  # type: ignore[arg-type]
    return np.frombuffer(data, "<f4").astype(np.float64).reshape(*shape, 3), geometry
