"""One array out of a file of any of the raw formats, addressed by its path inside; sizes are checked first."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.io.array_info import MAX_BYTES, ArrayInfo, check_info

FORMATS = {
    ".npy": "scanmill.io.numpy_arrays",
    ".npz": "scanmill.io.numpy_arrays",
    ".mat": "scanmill.io.mat",
    ".h5": "scanmill.io.hdf5",
    ".hdf": "scanmill.io.hdf5",
    ".hdf5": "scanmill.io.hdf5",
    ".nxs": "scanmill.io.hdf5",
    ".tif": "scanmill.io.tiff",
    ".tiff": "scanmill.io.tiff",
    ".png": "scanmill.io.png",
    ".txt": "scanmill.io.text_table",
    ".csv": "scanmill.io.text_table",
    ".cfl": "scanmill.io.cfl",
}
"""Which file reads a suffix. Each has ``describe(path, inside)`` and ``read(path, inside, max_bytes)``."""


def read_array(path: Path, inside: str = "", *, max_bytes: int = MAX_BYTES) -> HostArray:
    """The array that ``inside`` names in the file ``path``, with the axes as their writer saw them.

    ``inside`` is a path of groups, fields or names joined by ``.`` or ``/`` (``CtDataLimited.sinogram``,
    ``exchange/data``); a file that holds one array needs none. MATLAB 7.3 files are turned back into MATLAB's
    order. An InputError says what is wrong: truncated, no such path (with what there is), not numbers, or larger
    than ``max_bytes`` by its header.
    """
    return _format_of(path).read(path, inside, max_bytes)  # type: ignore[no-any-return]


def describe_array(path: Path, inside: str = "", *, max_bytes: int = MAX_BYTES) -> ArrayInfo:
    """Shape and dtype of that array, from the headers where the format has them."""
    return check_info(_format_of(path).describe(path, inside), path, max_bytes)


def _format_of(path: Path) -> ModuleType:
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise InputError(
            "unknown array format", where=path.name, expected=", ".join(FORMATS), got=suffix or "no suffix"
        )
    if not path.is_file():
        raise InputError("no such file", where=path.name)
    return import_module(FORMATS[suffix])
