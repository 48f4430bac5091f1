"""Linear operators: ``op(x)``, ``op.H``, ``op.gram``, ``a @ b``, ``a + b``, ``2 * a``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any

import numpy as np

from scanmill.arrays import Array
from scanmill.errors import InputError, SpecError

Shape = tuple[int, ...]


class LinearOperator(ABC):
    """A map x -> A x with its adjoint y -> Aᴴ y, both on arrays of a fixed shape.

    Subclasses write ``_apply`` and ``_adjoint``. The law: |⟨Ax, y⟩ − ⟨x, Aᴴy⟩| / (‖Ax‖ ‖y‖) is at most 1e-5 in
    float32 and 1e-12 in float64 (tests/laws.py). A pair that breaks it says ``matched = False``, and the solvers
    that need the adjoint refuse it.
    """

    matched: bool = True

    def __init__(self, in_shape: Shape, out_shape: Shape, dtype: Any = np.float32) -> None:
        self.in_shape, self.out_shape = tuple(in_shape), tuple(out_shape)
        self.dtype = np.dtype(dtype)

    @abstractmethod
    def _apply(self, x: Array) -> Array: ...

    @abstractmethod
    def _adjoint(self, y: Array) -> Array: ...

    def __call__(self, x: Array) -> Array:
        """A x, for an ``x`` of ``in_shape``."""
        if tuple(x.shape) != self.in_shape:
            raise InputError(f"{self} got an array of another shape", expected=self.in_shape, got=tuple(x.shape))
        return self._apply(x.astype(self.dtype, copy=False))

    @cached_property
    def H(self) -> LinearOperator:
        """The adjoint."""
        return _Adjoint(self)

    @cached_property
    def gram(self) -> LinearOperator:
        """Aᴴ A."""
        return self.H @ self

    def __matmul__(self, other: LinearOperator) -> LinearOperator:
        return _Composition(self, other)

    def __add__(self, other: LinearOperator) -> LinearOperator:
        return _Sum(self, other)

    def __rmul__(self, factor: complex) -> LinearOperator:
        return _Scaled(factor, self)

    def __repr__(self) -> str:
        return f"<{list(self.out_shape)} x {list(self.in_shape)} {type(self).__name__.strip('_')}>"


class _Adjoint(LinearOperator):
    def __init__(self, op: LinearOperator) -> None:
        super().__init__(op.out_shape, op.in_shape, op.dtype)
        self.op, self.matched = op, op.matched

    def _apply(self, x: Array) -> Array:
        return self.op._adjoint(x)

    def _adjoint(self, y: Array) -> Array:
        return self.op._apply(y)

    @cached_property
    def H(self) -> LinearOperator:
        return self.op


class _Composition(LinearOperator):
    def __init__(self, outer: LinearOperator, inner: LinearOperator) -> None:
        if outer.in_shape != inner.out_shape:
            raise InputError(f"cannot compose {outer} @ {inner}", expected=outer.in_shape, got=inner.out_shape)
        super().__init__(inner.in_shape, outer.out_shape, np.result_type(outer.dtype, inner.dtype))
        self.outer, self.inner, self.matched = outer, inner, outer.matched and inner.matched

    def _apply(self, x: Array) -> Array:
        return self.outer(self.inner(x))

    def _adjoint(self, y: Array) -> Array:
        return self.inner.H(self.outer.H(y))

    @cached_property
    def gram(self) -> LinearOperator:
        """Aᴴ A, by the outer operator's own gram, which may be faster than its two ways."""
        return self.inner.H @ self.outer.gram @ self.inner


class _Sum(LinearOperator):
    def __init__(self, left: LinearOperator, right: LinearOperator) -> None:
        if (left.in_shape, left.out_shape) != (right.in_shape, right.out_shape):
            raise InputError(f"cannot add {left} + {right}")
        super().__init__(left.in_shape, left.out_shape, np.result_type(left.dtype, right.dtype))
        self.left, self.right, self.matched = left, right, left.matched and right.matched

    def _apply(self, x: Array) -> Array:
        return self.left(x) + self.right(x)

    def _adjoint(self, y: Array) -> Array:
        return self.left.H(y) + self.right.H(y)


class _Scaled(LinearOperator):
    def __init__(self, factor: complex, op: LinearOperator) -> None:
        super().__init__(op.in_shape, op.out_shape, op.dtype)
        self.factor, self.op, self.matched = factor, op, op.matched

    def _apply(self, x: Array) -> Array:
        return self.factor * self.op(x)

    def _adjoint(self, y: Array) -> Array:
        return self.factor.conjugate() * self.op.H(y)


def require_matched(op: LinearOperator) -> None:
    """Refuse, with SpecError, an operator whose ``H`` is not its exact adjoint: Krylov and gradient methods need it."""
    if not op.matched:
        raise SpecError("this algorithm needs a matched pair", got=str(op), do="use the projector's own adjoint")
