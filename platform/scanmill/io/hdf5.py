"""HDF5, read with the doors shut: no external links, no virtual datasets, no raw data kept in other files."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.io.array_info import (
    MAX_BYTES,
    PARSER_FAULTS,
    ArrayInfo,
    check_info,
    nothing_there,
    split_path,
    unreadable,
)

SIGNATURE = b"\x89HDF\r\n\x1a\n"
Inside = str | tuple[str, ...]
ONE_AT_A_TIME = threading.RLock()
"""Held while a file is open. Handles of one file share its types, and where one closes while another reads numbers of
variable length inside a compound (ISMRMRD's acquisitions) the process dies (h5py issue 2920). Little is lost: HDF5
reads for one thread at a time anyhow."""
MAX_LINKS = 8
"""How many soft links may be followed on the way to one dataset."""


def describe(path: Path, inside: str) -> ArrayInfo:
    """From the dataset's header."""
    with open_dataset(path, inside) as dataset:
        return ArrayInfo(tuple(dataset.shape), dataset.dtype)


def read(path: Path, inside: str, max_bytes: int) -> HostArray:
    """The whole dataset, axes as stored."""
    with open_dataset(path, inside) as dataset:
        check_info(ArrayInfo(tuple(dataset.shape), dataset.dtype), path, max_bytes)
        return np.asarray(dataset[()])


@contextmanager
def open_dataset(path: Path, inside: Inside) -> Iterator[Any]:
    """The h5py dataset, while the file is open; whatever HDF5 complains of is an InputError."""
    with open_file(path) as file:
        yield dataset_at(file, path, inside)


@contextmanager
def open_file(path: Path) -> Iterator[Any]:
    """The h5py file, while it is open, for one thread of the process at a time; whatever HDF5 complains of is an
    InputError. Do not yield from inside."""
    import h5py

    try:
        with ONE_AT_A_TIME, h5py.File(path, "r") as file:
            yield file
    except PARSER_FAULTS as error:
        raise unreadable(path, "HDF5", error) from error


def dataset_at(file: Any, path: Path, inside: Inside) -> Any:
    """The dataset of an open file that ``inside`` names, if it keeps its numbers in this file."""
    return _checked(find(file, path, inside), path)


def is_hdf5(path: Path) -> bool:
    """Whether the file starts with HDF5's signature; OSError as it comes."""
    with path.open("rb") as stream:
        return stream.read(len(SIGNATURE)) == SIGNATURE


def find(file: Any, path: Path, inside: Inside) -> Any:
    """The dataset that ``inside`` names, as a path or name by name; every link on the way is a hard one or a soft one
    within the file."""
    import h5py

    names, node, links = split_path(inside) if isinstance(inside, str) else list(inside), file, 0
    names = names or _only_name(file, path)
    while names:
        name = names.pop(0)
        link = node.get(name, getlink=True) if isinstance(node, h5py.Group) else None
        if link is None:
            raise nothing_there(
                path,
                inside if isinstance(inside, str) else "/".join(inside),
                node if isinstance(node, h5py.Group) else (),
            )
        if isinstance(link, h5py.HardLink):
            node = node[name]
            continue
        links += 1
        if not isinstance(link, h5py.SoftLink) or links > MAX_LINKS:
            raise InputError("links out of an HDF5 file are refused", where=path.name, got=f"{inside} at {name}")
        node = file if link.path.startswith("/") else node
        names = [part for part in link.path.split("/") if part and part != "."] + names
    return node


def _only_name(file: Any, path: Path) -> list[str]:
    if len(file) != 1:
        raise nothing_there(path, "", file)
    return list(file)


def _checked(dataset: Any, path: Path) -> Any:
    import h5py

    if not isinstance(dataset, h5py.Dataset):
        raise nothing_there(path, getattr(dataset, "name", "?"), dataset if isinstance(dataset, h5py.Group) else ())
    if dataset.is_virtual or dataset.external:
        raise InputError("an HDF5 dataset that keeps its numbers in other files is refused", where=path.name)
    if not _members_fit(dataset.dtype):
        raise InputError("the fields of a compound type overlap", where=path.name, got=dataset.name)
    if dataset.shape is None:
        raise InputError("the dataset is empty", where=path.name, got=dataset.name)
    chunk = ArrayInfo(tuple(dataset.chunks or ()), dataset.dtype).n_bytes
    if chunk > MAX_BYTES:
        raise InputError("a chunk of the dataset is too large", where=path.name, got=chunk)
    return dataset


def _members_fit(dtype: np.dtype[Any]) -> bool:
    """Whether the fields of a compound type lie side by side; HDF5 writes beyond its memory where they do not."""
    base, end = dtype.base, 0
    for field, offset in sorted(((f[0], f[1]) for f in (base.fields or {}).values()), key=lambda field: field[1]):
        if offset < end or not _members_fit(field):
            return False
        end = offset + field.itemsize
    return end <= base.itemsize
