"""The one place where CPU or GPU is chosen: by the array that arrives, or by a device's name.

Everything above says ``xp = xp_of(x)`` and writes NumPy. CuPy is imported only once a CuPy array or a
``cuda`` device is seen, so that a machine without a GPU never pays for it.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from scanmill.errors import ResourceError, SpecError

Array: TypeAlias = Any
"""A NumPy or CuPy array; the public docstrings give shape and dtype."""
HostArray: TypeAlias = npt.NDArray[Any]


def is_device_array(x: object) -> bool:
    """Whether ``x`` lives on a GPU.

    >>> is_device_array(np.zeros(3))
    False
    """
    cupy = sys.modules.get("cupy")
    return cupy is not None and isinstance(x, cupy.ndarray)


def xp_of(x: object) -> ModuleType:
    """The array module (numpy or cupy) that ``x`` belongs to."""
    return sys.modules["cupy"] if is_device_array(x) else np


def ndimage_of(x: object) -> ModuleType:
    """``scipy.ndimage`` or ``cupyx.scipy.ndimage``, to match ``x``."""
    return importlib.import_module("cupyx.scipy.ndimage" if is_device_array(x) else "scipy.ndimage")


def fft_of(x: object) -> ModuleType:
    """``scipy.fft`` or ``cupyx.scipy.fft``, to match ``x``."""
    return importlib.import_module("cupyx.scipy.fft" if is_device_array(x) else "scipy.fft")


def to_host(x: Array) -> HostArray:
    """``x`` as a NumPy array; no copy where it already is one."""
    return np.asarray(x.get() if is_device_array(x) else x)


def to_device(x: Array, device: str) -> Array:
    """``x`` on ``device``, which is ``"cpu"`` or ``"cuda:N"``.

    >>> to_device([1.0, 2.0], "cpu")
    array([1., 2.])
    """
    if device == "cpu":
        return to_host(x)
    with use_device(device):
        return importlib.import_module("cupy").asarray(x)


def device_of(x: object) -> str:
    """The name of the device that holds ``x``: ``"cpu"`` or ``"cuda:N"``."""
    return f"cuda:{x.device.id}" if is_device_array(x) else "cpu"  # type: ignore[attr-defined]


def use_device(device: str) -> contextlib.AbstractContextManager[Any]:
    """Make ``device`` current inside a ``with`` block; the CPU needs nothing."""
    if device == "cpu":
        return contextlib.nullcontext()
    kind, _, number = device.partition(":")
    if kind != "cuda" or not (number or "0").isdigit():
        raise SpecError("unknown device", expected='"cpu" or "cuda:N"', got=device)
    try:
        return importlib.import_module("cupy").cuda.Device(int(number or 0))  # type: ignore[no-any-return]
    except ImportError as error:
        raise ResourceError("no GPU support here", got=device, do="pip install 'scanmill[gpu]'") from error
