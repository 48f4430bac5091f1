"""What `scanmill warm` compiles is every kernel there is."""

import importlib
import pkgutil

import numba
import numpy as np

import scanmill.kernels
from scanmill.kernels.launch import KERNELS
from scanmill.operators.warm import compile_kernels

WITHOUT_FLOAT32 = {"cooccurrence.count", "gradient_votes.plane", "gradient_votes.space", "patterns"}
"""Whole numbers, and float64 whatever the image."""


def test_every_kernel_is_compiled_in_float32():
    for module in pkgutil.iter_modules(scanmill.kernels.__path__, "scanmill.kernels."):
        importlib.import_module(module.name)
    assert compile_kernels() == sorted(KERNELS)
    for kernel in KERNELS.values():
        arrays = [kind for s in kernel.cpu_driver.signatures for kind in s if isinstance(kind, numba.types.Array)]
        in_float32 = any(kind.dtype == numba.from_dtype(np.dtype(np.float32)) for kind in arrays)
        assert arrays, kernel
        assert in_float32 or kernel.name in WITHOUT_FLOAT32, kernel
