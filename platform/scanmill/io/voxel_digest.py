"""A digest of an image's numbers that no file format, compression or header can change."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from scanmill.arrays import to_host
from scanmill.data import KSpace, Labels, Projections, Volume


def voxel_digest(value: Volume | Labels | Projections | KSpace) -> str:
    """sha256 over type, shape, little-endian numbers in array order, and the geometry rounded to 1e-6; of k-space, over
    its trajectory too.

    >>> from scanmill.geometry import VolumeGeometry
    >>> image = Volume(np.zeros((1, 2, 2), np.float32), VolumeGeometry((1, 2, 2)))
    >>> voxel_digest(image) == voxel_digest(image.with_array(np.zeros((1, 2, 2), ">f4")))
    True
    """
    array = to_host(value.array)
    array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    geometry = {name: _rounded(field) for name, field in value.geometry.to_dict().items()}
    head = json.dumps([array.dtype.str, array.shape, geometry], sort_keys=True)
    digest = hashlib.sha256(head.encode())
    digest.update(array.reshape(-1).view(np.uint8).data)
    if isinstance(value, KSpace) and value.trajectory is not None:
        digest.update(json.dumps(_rounded(value.trajectory.points.tolist())).encode())
    return digest.hexdigest()


def _rounded(field: object) -> object:
    return (np.round(np.asarray(field, dtype=np.float64), 6) + 0.0).tolist() if isinstance(field, list) else field
