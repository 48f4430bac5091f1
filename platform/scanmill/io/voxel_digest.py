"""A digest of an image's numbers that no file format, compression or header can change."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np

from scanmill.arrays import to_host
from scanmill.data import ColourVolume, Entries, KSpace, Labels, Projections, Volume

if TYPE_CHECKING:
    from scanmill.data.transforms import Transform


def voxel_digest(value: Volume | Labels | ColourVolume | Projections | KSpace | Entries) -> str:
    """sha256 over type, shape, little-endian numbers in array order, and the geometry rounded to 1e-6; of k-space, over
    its trajectory too; of entries, over all but their description.

    >>> from scanmill.geometry import VolumeGeometry
    >>> image = Volume(np.zeros((1, 2, 2), np.float32), VolumeGeometry((1, 2, 2)))
    >>> voxel_digest(image) == voxel_digest(image.with_array(np.zeros((1, 2, 2), ">f4")))
    True
    """
    if isinstance(value, Entries):
        return _of_entries(value)
    array = to_host(value.array)
    array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    geometry = {name: _rounded(field) for name, field in value.geometry.to_dict().items()}
    head = json.dumps([array.dtype.str, array.shape, geometry], sort_keys=True)
    digest = hashlib.sha256(head.encode())
    digest.update(array.reshape(-1).view(np.uint8).data)
    if isinstance(value, KSpace) and value.trajectory is not None:
        digest.update(json.dumps(_rounded(value.trajectory.points.tolist())).encode())
    return digest.hexdigest()


def transform_digest(transform: Transform) -> str:
    """sha256 over the kinds and the float64 parameters of a transform's links, as ITK's files have them.

    >>> from scanmill.data.transforms import Translation
    >>> transform_digest(Translation((1, 2, 3)))[:12]
    '4c14b1e9cf90'
    """
    from scanmill.io.itk_parameters import entries_of

    digest = hashlib.sha256()
    for entry in entries_of(transform):
        digest.update(json.dumps([entry.kind, entry.parameters.size, entry.fixed.size]).encode())
        digest.update(entry.parameters.astype("<f8").tobytes() + entry.fixed.astype("<f8").tobytes())
    return digest.hexdigest()


def _of_entries(value: Entries) -> str:
    head = json.dumps([value.kinds, value.labels, value.boxes.tolist(), value.embedding])
    vectors = np.ascontiguousarray(value.vectors, dtype="<f4")
    return hashlib.sha256(head.encode() + vectors.tobytes()).hexdigest()


def _rounded(field: object) -> object:
    return (np.round(np.asarray(field, dtype=np.float64), 6) + 0.0).tolist() if isinstance(field, list) else field
