"""PNG pictures with one channel, such as truth masks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.io.array_info import PARSER_FAULTS, ArrayInfo, check_info, unreadable

T = TypeVar("T")

DTYPES = {"1": "?", "L": "u1", "P": "u1", "I": "i4", "I;16": "u2", "F": "f4"}
"""Pillow's modes with one channel; a palette (``P``) gives the indices, not the colours."""


def describe(path: Path, inside: str) -> ArrayInfo:
    """From the header."""
    return _with_image(path, lambda image: ArrayInfo(image.size[::-1], np.dtype(DTYPES[image.mode])))


def read(path: Path, inside: str, max_bytes: int) -> HostArray:
    """(y, x), first row at the top."""
    check_info(describe(path, inside), path, max_bytes)
    return np.asarray(_with_image(path, np.array))


def _with_image(path: Path, use: Callable[[Any], T]) -> T:
    from PIL import Image

    try:
        with Image.open(path, formats=["PNG"]) as image:
            if image.mode not in DTYPES:
                raise InputError("the picture has colours", where=path.name, expected="one channel", got=image.mode)
            return use(image)
    except Image.DecompressionBombError as error:
        raise unreadable(path, "PNG", error) from error
    except PARSER_FAULTS as error:
        raise unreadable(path, "PNG", error) from error
