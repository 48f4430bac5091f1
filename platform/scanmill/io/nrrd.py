"""NRRD images and segmentations with attached data, raw or gzip: axes from the fastest and foreign spaces end here."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

from scanmill.arrays import HostArray
from scanmill.data import Labels, Volume
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry
from scanmill.io.affine_grid import grid_of_affine
from scanmill.io.array_info import PARSER_FAULTS, unreadable
from scanmill.io.voxel_limit import check_voxels
from scanmill.storage.faults import storage_faults

MAGIC = re.compile(rb"NRRD000[1-5]\s*$")
LONGEST_HEADER = 2**20
TYPES = {
    "i1": "int8, int8_t, signed char",
    "u1": "uint8, uint8_t, uchar, unsigned char",
    "i2": "int16, int16_t, short, short int, signed short, signed short int",
    "u2": "uint16, uint16_t, ushort, unsigned short, unsigned short int",
    "i4": "int32, int32_t, int, signed int",
    "u4": "uint32, uint32_t, uint, unsigned int",
    "i8": "int64, int64_t, longlong, long long, long long int, signed long long, signed long long int",
    "u8": "uint64, uint64_t, ulonglong, unsigned long long, unsigned long long int",
    "f4": "float",
    "f8": "double",
}
"""The words of the format's definition (https://teem.sourceforge.net/nrrd/format.html) for each type."""
DTYPES = {word: kind for kind, words in TYPES.items() for word in words.split(", ")}
TO_LPS = {
    "left-posterior-superior": (1.0, 1.0, 1.0),
    "right-anterior-superior": (-1.0, -1.0, 1.0),
    "left-anterior-superior": (1.0, -1.0, 1.0),
}
TO_LPS |= {"lps": TO_LPS["left-posterior-superior"], "ras": TO_LPS["right-anterior-superior"],
           "las": TO_LPS["left-anterior-superior"]}  # fmt: skip
FIELD = re.compile(r"([^:]+):(=?)(.*)")
"""``field: value``, or ``key:=value`` of whoever wrote it."""
VECTOR = re.compile(r"none|\(([^()]*)\)")
SEGMENT = re.compile(r"Segment(\d+)_(LabelValue|Name)")
Header = Mapping[str, str]


def read_nrrd(path: Path) -> Volume:
    """A 2D or 3D image as float32 (z, y, x) in LPS mm.

    InputError for a file that is no NRRD, is cut short, keeps its data elsewhere or packed otherwise, for an axis that
    is not of space, a space that is not of the patient, and a sheared grid. Without a space the axes are taken as LPS.
    """
    array, grid, _ = _read(path)
    return Volume(array.astype(np.float32), grid)


def read_nrrd_labels(path: Path) -> Labels:
    """A segmentation with the names that 3D Slicer gives its segments; errors as in :func:`read_nrrd`."""
    array, grid, header = _read(path)
    if array.dtype.kind == "f":
        raise InputError("labels must be integers", where=path.name, got=array.dtype)
    if int(array.min()) < 0:
        raise InputError("labels must not be negative", where=path.name, got=int(array.min()))
    return Labels(array, grid, _names(header))


def _read(path: Path) -> tuple[HostArray, VolumeGeometry, Header]:
    try:
        with storage_faults(path.name), path.open("rb") as file:
            header = _header(file, path)
            shape = _shape(header, path)
            grid = _grid(header, shape, path)
            dtype = _dtype(header, path)
            check_voxels(shape, where=path.name, bytes_per_voxel=dtype.itemsize + 4)
            array = np.frombuffer(_content(file, header, math.prod(shape) * dtype.itemsize, path), dtype)
    except PARSER_FAULTS as error:
        raise unreadable(path, "NRRD", error) from error
    array = array.reshape(shape).astype(dtype.newbyteorder("="))
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InputError("the values must be finite", where=path.name, expected="no NaN or Inf")
    return array, grid, header


def _header(file: BinaryIO, path: Path) -> Header:
    if not MAGIC.match(file.readline(16)):
        raise unreadable(path, "NRRD")
    fields: dict[str, str] = {}
    while file.tell() < LONGEST_HEADER:
        line = file.readline(LONGEST_HEADER)
        if not line.strip():
            return fields
        found = FIELD.match(line.decode("utf-8", "replace"))
        if found and not line.startswith(b"#"):
            fields[found[1].strip() if found[2] else found[1].strip().lower()] = found[3].strip()
    raise InputError("the header has no end", where=path.name, expected=f"at most {LONGEST_HEADER} bytes")


def _shape(header: Header, path: Path) -> tuple[int, int, int]:
    sizes = [int(n) for n in header["sizes"].split()]
    spatial = [n for n, is_space in zip(sizes, _of_space(header, len(sizes)), strict=True) if is_space]
    others = math.prod(n for n in sizes) // max(1, math.prod(spatial))
    if len(sizes) != int(header["dimension"]) or min(sizes) < 1 or len(spatial) not in {2, 3} or others != 1:
        raise InputError("an image needs two or three axes of space, and no other", where=path.name, got=sizes)
    x, y, z = (*spatial, 1)[:3]
    return z, y, x


def _of_space(header: Header, n_axes: int) -> list[bool]:
    if "space directions" not in header:
        return [True] * n_axes
    return [found.group(0) != "none" for found in VECTOR.finditer(header["space directions"])]


def _grid(header: Header, shape: tuple[int, int, int], path: Path) -> VolumeGeometry:
    space = header.get("space", "").lower()
    if "space directions" not in header:
        spacing = [abs(float(word)) for word in header.get("spacings", "1 1 1").split()]
        steps = [step if math.isfinite(step) and step > 0 else 1.0 for step in (*spacing, 1.0)[:3]]
        return VolumeGeometry(shape, tuple(steps))  # type: ignore[arg-type]
    if space not in TO_LPS:
        raise InputError("the space is not one of the patient", where=path.name, expected=", ".join(TO_LPS), got=space)
    vectors = [_numbers(found.group(1)) for found in VECTOR.finditer(header["space directions"]) if found.group(1)]
    if len(vectors) == 2:
        u, v = (np.array(vector) / np.linalg.norm(vector) for vector in vectors)
        vectors.append(np.cross(u, v).tolist())
    affine = np.eye(4)
    affine[:3, :3] = np.array(vectors).T
    affine[:3, 3] = _numbers(header.get("space origin", "(0,0,0)").strip("()"))
    return grid_of_affine(np.diag([*TO_LPS[space], 1.0]) @ affine, shape, path.name)


def _numbers(text: str) -> list[float]:
    numbers = [float(word) for word in text.split(",")]
    if len(numbers) != 3:
        raise ValueError(len(numbers))
    return numbers


def _dtype(header: Header, path: Path) -> np.dtype[np.generic]:
    kind = DTYPES.get(header["type"].lower())
    if kind is None:
        raise InputError("voxels must be real numbers", where=path.name, got=header["type"])
    return np.dtype((">" if header.get("endian", "little").lower() == "big" else "<") + kind)


def _content(file: BinaryIO, header: Header, n_bytes: int, path: Path) -> bytes:
    """Exactly ``n_bytes``, unpacked."""
    encoding = header["encoding"].lower()
    elsewhere = [name for name in ("data file", "datafile") if name in header]
    skips = [name for name in ("line skip", "lineskip", "byte skip", "byteskip") if int(header.get(name, 0))]
    if elsewhere or skips or encoding not in {"raw", "gzip", "gz"}:
        raise InputError("this kind of NRRD is not read", where=path.name, expected="attached data, raw or gzip",
                         got=", ".join([encoding, *elsewhere, *skips]), do="save it again as one .nrrd")  # fmt: skip
    content = file.read(n_bytes) if encoding == "raw" else _unpacked(file, n_bytes)
    if len(content) != n_bytes:
        raise InputError("the file is truncated", where=path.name, expected=f"{n_bytes} bytes", got=len(content))
    return content


def _unpacked(file: BinaryIO, n_bytes: int) -> bytes:
    """No more than ``n_bytes``, whatever the stream would give."""
    unpacker, content = zlib.decompressobj(16 + zlib.MAX_WBITS), bytearray()
    while len(content) < n_bytes and (packed := file.read(2**20)):
        content += unpacker.decompress(packed, n_bytes - len(content))
        while unpacker.unconsumed_tail and len(content) < n_bytes:
            content += unpacker.decompress(unpacker.unconsumed_tail, n_bytes - len(content))
    return bytes(content)


def _names(header: Header) -> dict[int, str]:
    segments: dict[str, dict[str, str]] = {}
    for name, value in header.items():
        if found := SEGMENT.fullmatch(name):
            segments.setdefault(found[1], {})[found[2]] = value
    return {int(s["LabelValue"]): s["Name"] for s in segments.values() if {"LabelValue", "Name"} <= set(s)}
