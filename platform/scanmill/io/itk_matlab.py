"""ITK's linear transforms as MATLAB files of version 4, such as ANTs' ``0GenericAffine.mat``."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError, SpecError
from scanmill.io.array_info import unreadable
from scanmill.io.itk_parameters import StoredTransform
from scanmill.storage.faults import storage_faults

HEADER = "<5i"
"""Type (0 is little-endian float64, 10 float32), rows, columns, whether complex, length of the name with its zero."""
TYPES = {0: "<f8", 10: "<f4"}
MAX_BYTES = 2**20


def read(path: Path) -> list[StoredTransform]:
    """The entries of the file: pairs of a matrix that is named as the type, and one that is named ``fixed``."""
    with storage_faults(path.name), path.open("rb") as stream:
        content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise InputError("too large for a linear transform", where=path.name, expected=f"at most {MAX_BYTES} bytes")
    matrices = []
    while content:
        name, values, content = _matrix(content, path)
        matrices.append((name, values))
    if len(matrices) % 2 or any(name != "fixed" for name, _ in matrices[1::2]):
        raise InputError(
            "not a transform file of ITK", where=path.name, expected="matrices in pairs, the second named fixed",
            got=", ".join(name for name, _ in matrices[:6]),
        )  # fmt: skip
    return [StoredTransform(matrices[i][0], matrices[i][1], matrices[i + 1][1]) for i in range(0, len(matrices), 2)]


def write(path: Path, entries: Sequence[StoredTransform]) -> None:
    """One transform; `SpecError` for a chain or one with more than a page of numbers."""
    if len(entries) != 1 or entries[0].parameters.size > 100:
        raise SpecError("a .mat file holds one linear transform", where=path.name, do="write .h5 or .tfm")
    content = b""
    for name, values in ((entries[0].kind, entries[0].parameters), ("fixed", entries[0].fixed)):
        word = name.encode("ascii") + b"\0"
        content += struct.pack(HEADER, 0, values.size, 1, 0, len(word)) + word + values.astype("<f8").tobytes()
    with storage_faults(path.name):
        path.write_bytes(content)


def _matrix(content: bytes, path: Path) -> tuple[str, HostArray, bytes]:
    """The first matrix, as a list, and what follows it."""
    start = struct.calcsize(HEADER)
    if len(content) < start:
        raise unreadable(path, "MATLAB 4")
    kind, n_rows, n_columns, is_complex, n_letters = struct.unpack_from(HEADER, content)
    if kind not in TYPES or is_complex or not 0 < n_letters < 200 or min(n_rows, n_columns) < 0:
        raise unreadable(path, "MATLAB 4")
    dtype = np.dtype(TYPES[kind])
    middle = start + n_letters
    end = middle + n_rows * n_columns * dtype.itemsize
    if end > len(content):
        raise unreadable(path, "MATLAB 4")
    name = content[start:middle].rstrip(b"\0").decode("ascii", "replace")
    return name, np.frombuffer(content[middle:end], dtype).astype(np.float64), content[end:]
