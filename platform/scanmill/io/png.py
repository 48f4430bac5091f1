"""PNG pictures with one channel, such as truth masks, and those that hold grey values in several."""

from __future__ import annotations

from collections.abc import Callable, Collection
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


def read_grey(path: Path, max_bytes: int) -> HostArray:
    """(y, x) of any picture that is grey, as viewers save them: also with three equal channels, a palette of greys or
    a channel of opacity that is opaque. InputError for one with colours or see-through parts."""
    info = _with_image(path, lambda image: ArrayInfo(image.size[::-1], np.dtype(DTYPES.get(image.mode, "u4"))), ())
    check_info(info, path, max_bytes)
    return np.asarray(_with_image(path, lambda image: _grey(image, path), ()))


def _grey(image: Any, path: Path) -> HostArray:
    if image.mode in DTYPES and image.mode != "P":
        return np.array(image)
    channels = np.array(image.convert("RGBA"))
    if (channels[..., 3] != 255).any():
        raise InputError("the picture is see-through", where=path.name, do="save it as greyscale")
    if (channels[..., :3] != channels[..., :1]).any():
        raise InputError("the picture has colours", where=path.name, expected="shades of grey", got=image.mode)
    return channels[..., 0]


def _with_image(path: Path, use: Callable[[Any], T], modes: Collection[str] = DTYPES) -> T:
    """``use`` of the open picture; InputError where its mode is none of ``modes`` (of no modes: any will do)."""
    from PIL import Image

    try:
        with Image.open(path, formats=["PNG"]) as image:
            if modes and image.mode not in modes:
                raise InputError("the picture has colours", where=path.name, expected="one channel", got=image.mode)
            return use(image)
    except Image.DecompressionBombError as error:
        raise unreadable(path, "PNG", error) from error
    except PARSER_FAULTS as error:
        raise unreadable(path, "PNG", error) from error
