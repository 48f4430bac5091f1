"""The one place that knows Numba's compilers: a body runs on the CPU cores or on the GPU, by the arrays that arrive.

A kernel is a *body*: a plain function ``body(owner, *arrays_and_numbers)`` that computes everything that one owner
owns (an element, a column, a plane) in a fixed order, so that no result depends on the number of threads. On the
CPU a module-level *driver* shares the owners out with ``prange``; for CuPy arrays the same body is compiled by
numba-cuda, one thread per owner. Helpers that a body calls stand in the file of the body: Numba's cache notices a
change only in the file of the function that it was asked for.

The CUDA half is compiled to PTX in the tests, and has not yet been run on a GPU.
"""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numba
import numpy as np
from numba import prange

from scanmill.arrays import is_device_array
from scanmill.errors import ResourceError, SpecError

__all__ = ["KERNELS", "Kernel", "compiled", "driver", "prange", "threads", "warm_up"]

FAST = {"reassoc", "contract", "nsz"}
"""Sums may be reordered and fused, which vectorises them; NaN and infinity keep their meaning."""
OPTIONS: dict[str, Any] = {"fastmath": FAST, "cache": True, "error_model": "numpy"}
"""A division by zero gives infinity, as on a GPU; Python's error would keep a loop with a division from vectorising."""

THREADS_PER_BLOCK = 128

KERNELS: dict[str, Kernel] = {}
"""Every kernel whose module has been imported, by name: for the tests and for `scanmill doctor`."""

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
"""Threads without work sleep. By default they spin, and where more run than there are cores they keep those that have
work from it: beside busy processes a registration took 14 times the CPU seconds. Read when the first kernel runs."""

CONFIG: Any = numba.config
if CONFIG.THREADING_LAYER in ("default", "workqueue"):
    # "threadsafe" is tbb or omp; the third layer, workqueue, aborts the process when two threads use it.
    CONFIG.THREADING_LAYER = "threadsafe"


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a body, or a helper of one, for the CPU."""
    return numba.njit(**OPTIONS)(function)


def driver(function: Callable[..., None]) -> Any:
    """Compile a loop ``for owner in prange(n): body(owner, ...)`` over the CPU's cores."""
    return numba.njit(**OPTIONS, parallel=True)(function)


class Kernel:
    """A body and its driver: ``kernel(n_owners, *args)`` runs the body for every owner in 0 ... n_owners - 1.

    All arrays lie on one device, and numbers come as NumPy scalars of the arrays' type, or as int.
    """

    def __init__(self, name: str, body: Any, cpu_driver: Any) -> None:
        self.name, self.body, self.cpu_driver = name, body, cpu_driver
        KERNELS[name] = self

    def __call__(self, n_owners: int, *args: Any) -> None:
        """Run the body for every owner; the results stand in the arrays that it writes."""
        if n_owners < 1:
            return
        if any(is_device_array(arg) for arg in args):
            self._run_on_gpu(n_owners, args)
        elif n_owners == 1:
            with threads(1):  # the others would be woken for nothing
                self.cpu_driver(n_owners, *args)
        else:
            self.cpu_driver(n_owners, *args)

    def __repr__(self) -> str:
        return f"<Kernel {self.name}>"

    @cached_property
    def cuda_function(self) -> Callable[[Any, Any], None]:
        """The body inside a grid of CUDA threads, as plain Python: ``cuda_function(n_owners, args)``."""
        cuda = importlib.import_module("numba.cuda")
        body = cuda.jit(device=True)(self.body.py_func)

        def grid(n_owners, args):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            owner = np.int64(cuda.blockIdx.x) * np.int64(cuda.blockDim.x) + np.int64(cuda.threadIdx.x)
            if owner < n_owners:
                body(owner, *args)

        return grid

    @cached_property
    def _cuda_kernel(self) -> Any:
        return importlib.import_module("numba.cuda").jit(self.cuda_function)

    def _run_on_gpu(self, n_owners: int, args: tuple[Any, ...]) -> None:
        try:
            cuda, cupy = importlib.import_module("numba.cuda"), importlib.import_module("cupy")
        except ImportError as error:
            raise ResourceError("no GPU support here", got=self.name, do="pip install 'scanmill[gpu]'") from error
        stream = cuda.external_stream(cupy.cuda.get_current_stream().ptr)
        lent = tuple(cuda.as_cuda_array(arg, sync=False) if is_device_array(arg) else arg for arg in args)
        blocks = -(-n_owners // THREADS_PER_BLOCK)
        self._cuda_kernel[blocks, THREADS_PER_BLOCK, stream](np.int64(n_owners), lent)


@contextlib.contextmanager
def threads(n_threads: int) -> Iterator[None]:
    """Let the CPU kernels of this thread use ``n_threads`` cores inside the block."""
    before = numba.get_num_threads()
    if not 1 <= n_threads <= CONFIG.NUMBA_NUM_THREADS:
        raise SpecError("impossible number of threads", expected=f"1 to {CONFIG.NUMBA_NUM_THREADS}", got=n_threads)
    numba.set_num_threads(n_threads)
    try:
        yield
    finally:
        numba.set_num_threads(before)


@compiled
def golden_sum(owner: int, values: Any, out: Any) -> None:
    """The sum of one row."""
    total = values.dtype.type(0)
    for i in range(values.shape[1]):
        total += values[owner, i]
    out[owner] = total


@driver
def _golden_sums(n: int, values: Any, out: Any) -> None:
    for owner in prange(n):
        golden_sum(owner, values, out)


GOLDEN = Kernel("golden_sum", golden_sum, _golden_sums)


def warm_up(xp: Any = np) -> None:
    """Start the threads or the GPU and compute a sum whose result is known; `ResourceError` where it is wrong.

    A worker calls it before it says that it is ready: a device that computes wrongly must not get a row.
    """
    values = xp.arange(64 * 256, dtype=np.float32).reshape(64, 256) % np.float32(97)
    out = xp.empty(64, np.float32)
    GOLDEN(64, values, out)
    if not bool((out == values.sum(axis=1)).all()):
        raise ResourceError("the golden kernel came out wrong", do="drain this device")
