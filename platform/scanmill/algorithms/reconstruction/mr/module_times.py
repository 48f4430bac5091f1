"""Where the time of a reconstruction goes: wall seconds by module."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from scanmill.algorithms.reconstruction.items import PerItem
from scanmill.algorithms.reconstruction.sparsity import Sparsity
from scanmill.arrays import Array, is_device_array, xp_of
from scanmill.operators import LinearOperator


class ModuleClock:
    """Adds up wall seconds under names; a module that runs inside another one is counted for itself alone."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._inner = [0.0]

    @contextmanager
    def measure(self, module: str, like: Array) -> Iterator[None]:
        """Count the ``with`` block under ``module``; work on the device of ``like`` is waited for."""
        _wait_for(like)
        start = time.perf_counter()
        self._inner.append(0.0)
        try:
            yield
        finally:
            _wait_for(like)
            whole = time.perf_counter() - start
            own = whole - self._inner.pop()
            self._inner[-1] += whole
            self.seconds[module] = self.seconds.get(module, 0.0) + own


def _wait_for(x: Array) -> None:
    if is_device_array(x):
        xp_of(x).cuda.get_current_stream().synchronize()


class TimedOp(LinearOperator):
    """An operator whose ways there and back are counted under two names."""

    def __init__(self, op: LinearOperator, clock: ModuleClock, there: str, back: str) -> None:
        super().__init__(op.in_shape, op.out_shape, op.dtype)
        self.op, self.matched, self._clock, self._there, self._back = op, op.matched, clock, there, back

    def _apply(self, x: Array) -> Array:
        with self._clock.measure(self._there, x):
            return self.op(x)

    def _adjoint(self, y: Array) -> Array:
        with self._clock.measure(self._back, y):
            return self.op.H(y)


class TimedSparsity(Sparsity):
    """A sparsity all of whose work is counted under one name."""

    def __init__(self, sparsity: Sparsity, clock: ModuleClock, module: str) -> None:
        self.analysis: LinearOperator = TimedOp(sparsity.analysis, clock, module, module)
        self.norm_squared, self.unitary = sparsity.norm_squared, sparsity.unitary
        self.moving, self.item_axis = sparsity.moving, sparsity.item_axis
        self._sparsity, self._clock, self._module = sparsity, clock, module

    def value(self, coefficients: Array) -> PerItem:
        """φ."""
        with self._clock.measure(self._module, coefficients):
            return self._sparsity.value(coefficients)

    def inside(self, dual: Array, radius: PerItem) -> Array:
        """The nearest point in the dual ball."""
        with self._clock.measure(self._module, dual):
            return self._sparsity.inside(dual, radius)

    def lowered(self, coefficients: Array, radius: PerItem) -> Array:
        """The coefficients, denoised."""
        with self._clock.measure(self._module, coefficients):
            return self._sparsity.lowered(coefficients, radius)

    def at(self, iteration: int) -> Sparsity:
        """The sparsity of this iteration, on the same clock."""
        return TimedSparsity(self._sparsity.at(iteration), self._clock, self._module)


@dataclass(frozen=True)
class ModuleReport:
    """Wall seconds by module of one reconstruction, with the sizes that they depend on."""

    samples_per_projection: int
    n_projections: int
    n_coils: int
    n_iterations: int
    seconds: Mapping[str, float]

    @property
    def total(self) -> float:
        """All modules together."""
        return sum(self.seconds.values())

    def __str__(self) -> str:
        """A line for the sizes and a line for each module, with its part of the whole."""
        sizes = (
            f"{self.samples_per_projection} samples per projection, {self.n_projections} projections, "
            f"{self.n_coils} coils, {self.n_iterations} iterations"
        )
        lines = [f"{name:<18} {s:9.3f} s {100 * s / self.total:5.1f} %" for name, s in self.seconds.items()]
        return "\n".join([sizes, *lines, f"{'total':<18} {self.total:9.3f} s"])
