"""``.npy`` and ``.npz``: plain arrays, never pickles."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import IO

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.io.array_info import PARSER_FAULTS, ArrayInfo, check_info, nothing_there, unreadable


def describe(path: Path, inside: str) -> ArrayInfo:
    """From the header of the array; a ``.npy`` that is shorter than its header says is refused here."""
    try:
        if path.suffix.lower() == ".npy":
            with path.open("rb") as stream:
                info = _header(stream)
                left = path.stat().st_size - stream.tell()
            if info.dtype.kind != "O" and left < info.n_bytes:
                raise InputError("the file is truncated", where=path.name, expected=f"{info.n_bytes} bytes", got=left)
            return info
        with zipfile.ZipFile(path) as archive, archive.open(_member(archive, path, inside)) as stream:
            return _header(stream)
    except PARSER_FAULTS as error:
        raise unreadable(path, "NumPy", error) from error


def read(path: Path, inside: str, max_bytes: int) -> HostArray:
    """The array in memory; object arrays are refused."""
    check_info(describe(path, inside), path, max_bytes)
    try:
        if path.suffix.lower() == ".npy":
            with path.open("rb") as stream:
                return np.lib.format.read_array(stream, allow_pickle=False)
        with zipfile.ZipFile(path) as archive, archive.open(_member(archive, path, inside)) as stream:
            return np.lib.format.read_array(stream, allow_pickle=False)
    except PARSER_FAULTS as error:
        raise unreadable(path, "NumPy", error) from error


def _header(stream: IO[bytes]) -> ArrayInfo:
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    else:
        shape, _, dtype = np.lib.format.read_array_header_2_0(stream)
    return ArrayInfo(tuple(shape), dtype)


def _member(archive: zipfile.ZipFile, path: Path, inside: str) -> str:
    names = {name.removesuffix(".npy"): name for name in archive.namelist()}
    if not inside and len(names) == 1:
        return next(iter(names.values()))
    if inside not in names:
        raise nothing_there(path, inside, names)
    return names[inside]
