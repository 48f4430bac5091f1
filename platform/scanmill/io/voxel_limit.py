"""How many voxels a header may claim."""

from __future__ import annotations

import math
from collections.abc import Sequence

import psutil

from scanmill.errors import InputError, ResourceError
from scanmill.io.array_info import MAX_BYTES


def check_voxels(shape: Sequence[int], *, where: str, bytes_per_voxel: int = 4, max_bytes: int = MAX_BYTES) -> None:
    """Refuse an image before it is allocated: InputError above ``max_bytes``, ResourceError above the free memory.

    >>> check_voxels((32767, 32767, 32767), where="bomb.nii.gz")
    Traceback (most recent call last):
    ...
    scanmill.errors.InputError: the header claims too large an image (bomb.nii.gz): expected at most 68719476736 \
bytes, got (32767, 32767, 32767) voxels, 140724603846652 bytes
    """
    sizes = tuple(int(n) for n in shape)
    n_bytes = math.prod(sizes) * bytes_per_voxel
    if n_bytes > max_bytes:
        raise InputError(
            "the header claims too large an image",
            where=where,
            expected=f"at most {max_bytes} bytes",
            got=f"{sizes} voxels, {n_bytes} bytes",
        )
    available = psutil.virtual_memory().available
    if n_bytes > available:
        raise ResourceError(
            "the image does not fit into memory",
            where=where,
            expected=f"at most {available} bytes",
            got=f"{n_bytes} bytes",
            do="run it on a larger machine",
        )
