"""What is known of an array before it is read, and the bounds that it must keep."""

from __future__ import annotations

import errno
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scanmill.errors import InputError, ScanmillError
from scanmill.storage.faults import translated

MAX_BYTES = 64 * 2**30
"""No array of a row is larger; a header that claims more is refused before anything is allocated."""

NUMERIC_KINDS = "biufc"

PARSER_FAULTS: tuple[type[Exception], ...] = (
    ArithmeticError, AttributeError, BufferError, EOFError, LookupError, MemoryError, NameError, OSError,
    RuntimeError, SyntaxError, TypeError, ValueError, struct.error, tokenize.TokenError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What the libraries of foreign formats raise for broken bytes: nearly anything (found by breaking files at random)."""


@dataclass(frozen=True)
class ArrayInfo:
    """Shape and dtype.

    >>> ArrayInfo((2, 3), np.dtype("f4")).n_bytes
    24
    """

    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]

    @property
    def n_bytes(self) -> int:
        """The size in memory; Python integers, so that no header can make it overflow."""
        return math.prod(int(n) for n in self.shape) * self.dtype.itemsize


def check_info(info: ArrayInfo, path: Path, max_bytes: int) -> ArrayInfo:
    """``info`` itself, if it is numbers, not empty and not larger than ``max_bytes``."""
    if info.dtype.kind not in NUMERIC_KINDS:
        raise InputError("the array does not hold numbers", where=path.name, got=info.dtype)
    if info.n_bytes == 0:
        raise InputError("the array is empty", where=path.name, got=info.shape)
    if info.n_bytes > max_bytes:
        raise InputError(
            "the array is too large", where=path.name, expected=f"at most {max_bytes} bytes", got=info.n_bytes
        )
    return info


def nothing_there(path: Path, inside: str, names: Iterable[str]) -> InputError:
    """The error for a path that is not in the file: it lists what there is."""
    there = sorted(str(name) for name in names)
    listed = ", ".join(there[:20]) + (f" and {len(there) - 20} more" if len(there) > 20 else "")
    return InputError(f"there is no {inside!r} in the file", where=path.name, do=f"the file has: {listed or 'nothing'}")


def unreadable(path: Path, kind: str, error: Exception | None = None) -> ScanmillError:
    """The error for a file that its own library cannot read; the library's text may quote the content.

    An ``error`` of the operating system itself (no permission, storage away) stays one."""
    if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
        return translated(error, path.name)
    return InputError(f"not a readable {kind} file", where=path.name, do="it is truncated, corrupt or something else")


def split_path(inside: str) -> list[str]:
    """The names along a path inside a file.

    >>> split_path("CtDataLimited.parameters.angles"), split_path("/exchange/data")
    (['CtDataLimited', 'parameters', 'angles'], ['exchange', 'data'])
    """
    return [name for name in inside.replace("/", ".").split(".") if name]
