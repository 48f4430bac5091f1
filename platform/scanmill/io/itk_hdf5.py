"""ITK's transforms as HDF5: ``/TransformGroup/0``, ``1``, ..."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.io.array_info import MAX_BYTES, ArrayInfo, check_info
from scanmill.io.hdf5 import dataset_at, open_file
from scanmill.io.itk_parameters import MAX_PARTS, StoredTransform
from scanmill.storage.faults import storage_faults

GROUP, KIND = "TransformGroup", "TransformType"
NAMES = {
    "parameters": ("TransformParameters", "TranformParameters"),
    "fixed": ("TransformFixedParameters", "TranformFixedParameters"),
}
"""Files of old versions have the misspelt names."""


def read(path: Path) -> list[StoredTransform]:
    """The entries of the file."""
    with open_file(path) as file:
        names = sorted(file[GROUP], key=_number) if GROUP in file else []
        if not names or names != [str(n) for n in range(len(names))] or len(names) > MAX_PARTS:
            raise InputError(
                "not a transform file of ITK",
                where=path.name,
                expected=f"/{GROUP}/0, 1, ... (at most {MAX_PARTS})",
                got=", ".join(names[:5]) or None,
            )
        return [_entry(file, path, name) for name in names]


def write(path: Path, entries: Sequence[StoredTransform]) -> None:
    """Without the names and versions of a machine that ITK writes beside them."""
    import h5py

    text = h5py.string_dtype("ascii")
    with storage_faults(path.name), h5py.File(path, "w", libver="v108") as file:
        for number, entry in enumerate(entries):
            group = file.create_group(f"{GROUP}/{number}")
            group.create_dataset(KIND, data=[entry.kind], dtype=text)
            if entry.parameters.size or len(entries) == 1:
                group.create_dataset(NAMES["parameters"][0], data=entry.parameters)
                group.create_dataset(NAMES["fixed"][0], data=entry.fixed)


def _number(name: str) -> tuple[int, str]:
    return len(name), name


def _entry(file: Any, path: Path, name: str) -> StoredTransform:
    kind = dataset_at(file, path, (GROUP, name, KIND))
    if kind.shape != (1,) or kind.dtype.kind not in "OS":
        raise InputError("the type of a transform is missing", where=path.name, got=f"/{GROUP}/{name}/{KIND}")
    word = kind[0]
    found = {role: _values(file, path, name, names) for role, names in NAMES.items()}
    return StoredTransform(word.decode("ascii", "replace") if isinstance(word, bytes) else str(word), **found)


def _values(file: Any, path: Path, name: str, names: tuple[str, ...]) -> HostArray:
    there = [word for word in names if word in file[GROUP][name]]
    if not there:
        return np.empty(0)
    dataset = dataset_at(file, path, (GROUP, name, there[0]))
    info = ArrayInfo(tuple(dataset.shape), dataset.dtype)
    if info.n_bytes == 0:
        return np.empty(0)
    check_info(info, path, MAX_BYTES)
    if len(info.shape) != 1 or info.dtype.kind not in "fiu":
        raise InputError("the parameters are not a list of real numbers", where=path.name, got=info.shape)
    return np.asarray(dataset[()], dtype=np.float64)
