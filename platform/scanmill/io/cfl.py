"""BART's files: ``name.hdr`` with the dimensions as text, ``name.cfl`` with complex64 in Fortran's order."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.io.array_info import MAX_BYTES, ArrayInfo, check_info
from scanmill.storage.faults import storage_faults

N_DIMS = 16
MAX_HEADER_BYTES = 2**20


def dimensions(header: Path) -> tuple[int, ...]:
    """The 16 dimensions that a ``.hdr`` tells; InputError where it tells none."""
    with storage_faults(header.name), header.open("rb") as stream:
        lines = stream.read(MAX_HEADER_BYTES).decode("utf-8", "replace").splitlines()
    for number, line in enumerate(lines[:-1]):
        words = lines[number + 1].split()
        if line.strip() == "# Dimensions" and 0 < len(words) <= N_DIMS and all(_is_size(word) for word in words):
            return (*map(int, words), *(1,) * (N_DIMS - len(words)))
    raise InputError("not a header of BART", where=header.name, expected="# Dimensions, and up to 16 sizes above 0")


def describe(path: Path, inside: str, header: Path | None = None) -> ArrayInfo:
    """From the header, which stands beside the file if it is not given; sizes that do not fit the file are refused."""
    info = ArrayInfo(dimensions(header or beside(path)), np.dtype(np.complex64))
    size = path.stat().st_size
    if size != info.n_bytes:
        what = "the file is truncated" if size < info.n_bytes else "the header does not fit the file"
        raise InputError(what, where=path.name, expected=f"{info.n_bytes} bytes", got=size)
    return info


def read(path: Path, inside: str, max_bytes: int = MAX_BYTES, header: Path | None = None) -> HostArray:
    """The array with its 16 dimensions, not copied: a read-only map of the file."""
    info = check_info(describe(path, inside, header), path, max_bytes)
    with storage_faults(path.name):
        return np.asarray(np.memmap(path, info.dtype, "r", shape=info.shape, order="F"))


def beside(path: Path) -> Path:
    """The header of a ``.cfl``."""
    header = path.with_suffix(".hdr")
    if not header.is_file():
        raise InputError("a .cfl without its header", where=path.name, expected=header.name)
    return header


def _is_size(word: str) -> bool:
    return word.isascii() and word.isdigit() and 0 < int(word[:20]) < 2**40
