"""TIFF stacks: the pages of the first series as one array."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.io.array_info import PARSER_FAULTS, ArrayInfo, check_info, unreadable

T = TypeVar("T")


def describe(path: Path, inside: str) -> ArrayInfo:
    """From the pages' tags."""
    return _with_series(path, lambda series: ArrayInfo(tuple(series.shape), np.dtype(series.dtype)))


def read(path: Path, inside: str, max_bytes: int) -> HostArray:
    """(page, y, x), or (y, x) where there is one page."""
    check_info(describe(path, inside), path, max_bytes)
    return np.asarray(_with_series(path, lambda series: series.asarray()))


def _with_series(path: Path, use: Callable[[Any], T]) -> T:
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            series = file.series[0]
            if "S" in series.axes:
                raise InputError("a colour TIFF is no measurement", where=path.name, expected="one sample per pixel")
            _all_here(file, path)
            return use(series)
    except InputError:
        raise
    except tifffile.TiffFileError as error:
        raise unreadable(path, "TIFF", error) from error
    except PARSER_FAULTS as error:
        raise unreadable(path, "TIFF", error) from error


def _all_here(file: Any, path: Path) -> None:
    """Every strip or tile must lie within the file: tifffile fills missing ones with zeros."""
    size = path.stat().st_size
    for page in file.pages:
        ends = [start + n for start, n in zip(page.dataoffsets, page.databytecounts, strict=False)]
        if not ends or max(ends) > size:
            raise InputError(
                "the file is truncated", where=path.name, expected=f"{max(ends, default=0)} bytes", got=size
            )
