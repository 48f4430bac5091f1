"""Numbers in a text file, such as a list of angles: one row per line, split by commas or blanks."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.io.array_info import ArrayInfo, unreadable

MAX_TEXT_BYTES = 64 * 2**20


def describe(path: Path, inside: str) -> ArrayInfo:
    """By reading it: text has no header."""
    array = read(path, inside)
    return ArrayInfo(array.shape, array.dtype)


def read(path: Path, inside: str, max_bytes: int = MAX_TEXT_BYTES) -> HostArray:
    """float64, 1D where every line holds one number; ``#`` starts a comment."""
    limit = min(max_bytes, MAX_TEXT_BYTES)
    if path.stat().st_size > limit:
        raise InputError("the text file is too large", where=path.name, expected=f"at most {limit} bytes")
    try:
        lines = path.read_text(encoding="utf-8").replace(",", " ").splitlines()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # an empty file; the caller refuses empty arrays
            return np.loadtxt(lines, dtype=np.float64)
    except ValueError as error:
        raise unreadable(path, "text", error) from error
