"""MATLAB files: version 5 by SciPy, version 7.3 (HDF5, axes reversed) by h5py."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.io import hdf5
from scanmill.io.array_info import (
    MAX_BYTES,
    NUMERIC_KINDS,
    PARSER_FAULTS,
    ArrayInfo,
    nothing_there,
    split_path,
    unreadable,
)

USER_BLOCK = 512
COMPRESSED = 15
"""miCOMPRESSED, MAT-File Format (R2024a), table 1-2."""


def describe(path: Path, inside: str) -> ArrayInfo:
    """Version 7.3 from its header; version 5 has none for fields of a struct, so the array is read."""
    if is_version_73(path):
        info = hdf5.describe(path, inside)
        return ArrayInfo(info.shape[::-1], info.dtype)
    array = _read_version_5(path, inside)
    return ArrayInfo(array.shape, array.dtype)


def read(path: Path, inside: str, max_bytes: int) -> HostArray:
    """The array as MATLAB shows it, at least 2D; vectors and numbers keep their (n, 1) and (1, 1)."""
    if is_version_73(path):
        return np.ascontiguousarray(hdf5.read(path, inside, max_bytes).T)
    return _read_version_5(path, inside, max_bytes)


def is_version_73(path: Path) -> bool:
    """Whether the file is HDF5 behind MATLAB's block of 512 bytes."""
    with path.open("rb") as stream:
        head = stream.read(USER_BLOCK + len(hdf5.SIGNATURE))
    return head[USER_BLOCK:] == hdf5.SIGNATURE or head.startswith(hdf5.SIGNATURE)


def _read_version_5(path: Path, inside: str, max_bytes: int = MAX_BYTES) -> HostArray:
    import scipy.io
    from scipy.io.matlab import MatReadError

    names = split_path(inside)
    try:
        _bound_inflation(path, max_bytes)
        there = [name for name, _, _ in scipy.io.whosmat(str(path))]
        names = names or (there if len(there) == 1 else names)
        if not names or names[0] not in there:
            raise nothing_there(path, inside, there)
        node = scipy.io.loadmat(str(path), variable_names=names[:1], chars_as_strings=True)[names[0]]
        return _numbers(_descend(node, names[1:], path, inside), path, inside)
    except InputError:
        raise
    except (*PARSER_FAULTS, MatReadError) as error:
        raise unreadable(path, "MATLAB", error) from error


def _bound_inflation(path: Path, max_bytes: int) -> None:
    """Refuse a file whose compressed parts would unpack to more than ``max_bytes``, without keeping them."""
    with path.open("rb") as stream:
        head = stream.read(128)
        order = "<" if head[126:128] == b"IM" else ">"
        unpacked = 0
        while len(tag := stream.read(8)) == 8:
            kind, size = struct.unpack(order + "II", tag)
            block = stream.read(size)
            if len(block) < size:
                raise InputError("the file is truncated", where=path.name)
            unpacked += _inflated_size(block, max_bytes - unpacked) if kind == COMPRESSED else size
            if unpacked > max_bytes:
                raise InputError("the file unpacks to too much", where=path.name, expected=f"at most {max_bytes} bytes")


def _inflated_size(block: bytes, limit: int) -> int:
    inflater, size, rest = zlib.decompressobj(), 0, block
    while rest and not inflater.eof and size <= limit:
        size += len(inflater.decompress(rest, 2**20))
        rest = inflater.unconsumed_tail
    return size


def _descend(node: Any, names: list[str], path: Path, inside: str) -> Any:
    for name in names:
        fields = getattr(node, "dtype", np.dtype("f8")).names or ()
        if name not in fields or node.size != 1:
            raise nothing_there(path, inside, fields)
        node = node[name].flat[0]
    return node


def _numbers(node: Any, path: Path, inside: str) -> HostArray:
    array = np.asarray(node)
    if array.dtype.names:
        raise nothing_there(path, inside, array.dtype.names)
    if array.dtype.kind not in NUMERIC_KINDS + "U":
        raise InputError("the array does not hold numbers", where=path.name, got=array.dtype)
    return array
