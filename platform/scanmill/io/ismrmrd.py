"""ISMRMRD raw data (MRD 1.x in HDF5): a file's measurements and their encodings.

A measurement is a group of the file with ``xml`` and ``data`` (``dataset``, as a rule). Where there are several, or
several encodings with images, one must be named.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from scanmill.errors import InputError
from scanmill.io import hdf5
from scanmill.io.ismrmrd_header import IsmrmrdHeader, parse_header
from scanmill.io.ismrmrd_lines import Lines
from scanmill.io.ismrmrd_order import grid_lines
from scanmill.io.ismrmrd_scan import IsmrmrdScan


def measurements(path: Path) -> dict[str, tuple[int, ...]]:
    """The measurements of a file by name, and the numbers of their encodings that hold images; from headers alone."""
    return {name: _with_images(Lines.open(path, name)) for name in _names(path)}


def open_ismrmrd(path: Path, *, measurement: str = "", encoding: int | None = None) -> IsmrmrdScan:
    """Read and check the headers of a measurement. InputError where a choice is open, and lists what there is."""
    names = _names(path)
    if not names:
        raise InputError("the file holds no measurement", where=path.name, expected="a group with xml and data")
    if measurement not in names and (measurement or len(names) != 1):
        raise InputError(
            "the file has several measurements" if not measurement else "no such measurement",
            where=path.name,
            expected=f"one of: {', '.join(names)}",
            got=measurement or None,
            do="name one: measurement",
        )
    measurement = measurement or names[0]
    header = _header(path, measurement)
    lines = Lines.open(path, measurement)
    scan = IsmrmrdScan(header, lines, _chosen(_with_images(lines), encoding, path))
    _check(scan, path)
    return scan


def looks_like_ismrmrd(path: Path) -> bool:
    """Whether a group of the HDF5 file holds ISMRMRD's table of acquisitions, or its header."""
    with hdf5.open_file(path) as file:
        return any(_is_measurement(group) for _, group in _groups(file))


def _names(path: Path) -> list[str]:
    with hdf5.open_file(path) as file:
        return sorted(name for name, group in _groups(file) if _is_measurement(group))


def _groups(file: Any) -> Iterator[tuple[str, Any]]:
    """The groups of the file itself, without those that links lead to."""
    import h5py

    for name in file:
        if isinstance(file.get(name, getlink=True), h5py.HardLink) and isinstance(file[name], h5py.Group):
            yield name, file[name]


def _is_measurement(group: Any) -> bool:
    import h5py

    if not all(isinstance(group.get(name, getlink=True), h5py.HardLink) for name in group):
        return False
    data = group.get("data")
    fields = getattr(getattr(data, "dtype", None), "names", None) or ()
    return "head" in fields or ("xml" in group and data is not None)


def _header(path: Path, measurement: str) -> IsmrmrdHeader:
    with hdf5.open_file(path) as file:
        if "xml" not in file[measurement]:
            raise InputError("the measurement has no header", where=path.name, expected=f"{measurement}/xml")
        text = hdf5.dataset_at(file, path, (measurement, "xml"))[()]
    text = text if isinstance(text, bytes | str) else np.asarray(text).reshape(-1)[0]
    if not isinstance(text, bytes | str):
        raise InputError("the header is not text", where=path.name)
    return parse_header(text, path.name)


def _with_images(lines: Lines) -> tuple[int, ...]:
    return tuple(np.unique(lines.heads["encoding_space_ref"][lines.imaging]).tolist())


def _chosen(numbers: tuple[int, ...], encoding: int | None, path: Path) -> int:
    if not numbers:
        raise InputError(
            "the measurement holds no image data", where=path.name, got="only noise, navigators, references"
        )
    if encoding is None and len(numbers) > 1:
        raise InputError("the measurement has several encodings", where=path.name, got=numbers, do="name one: encoding")
    if encoding is not None and encoding not in numbers:
        raise InputError("no such encoding", where=path.name, expected=numbers, got=encoding)
    return numbers[0] if encoding is None else encoding


def _check(scan: IsmrmrdScan, path: Path) -> None:
    if scan.number >= len(scan.header.encodings):
        raise InputError("the header lacks an encoding", where=path.name, expected=scan.number + 1,
                         got=len(scan.header.encodings))  # fmt: skip
    if scan.encoding.multiband > 1:
        raise InputError(
            "simultaneous multi-slice is not read",
            where=path.name,
            got=f"multiband factor {scan.encoding.multiband}",
            do="separate the slices first, as slice-GRAPPA does",
        )
    coils = np.unique(scan.lines.heads["active_channels"][scan.rows])
    if len(coils) > 1:
        raise InputError("the acquisitions disagree in their number of coils", where=path.name, got=coils.tolist())
    if scan.is_cartesian:
        grid_lines(scan.lines, scan.rows, scan.encoding, path.name)
    if scan.encoding.encoded.matrix[2] > 1 and len(scan.stack.counters) > 1:
        n_slabs = len(scan.stack.counters)
        raise InputError("several slabs of 3D encoding", where=path.name, got=n_slabs, do="split the file by slices")
