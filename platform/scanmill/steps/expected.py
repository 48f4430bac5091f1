"""What a step may count on: the value at a port is of its kind, or the row fails with words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from scanmill.arrays import to_host, xp_of
from scanmill.data import CoilSensitivities, Frames, KSpace, Labels, Projections, Volume
from scanmill.errors import InputError

T = TypeVar("T", Projections, Volume, Labels, KSpace, CoilSensitivities, Frames)


def expect(inputs: Mapping[str, Any], port: str, kind: type[T]) -> T:
    """The value at ``port``, which must be there and of that kind."""
    value = optional(inputs, port, kind)
    if value is None:
        raise InputError("a value is missing", where=port, expected=kind.__name__, got="nothing")
    return value


def optional(inputs: Mapping[str, Any], port: str, kind: type[T]) -> T | None:
    """The value at ``port``, or None; several values of a group count as one where they are equal."""
    value = inputs.get(port)
    if isinstance(value, tuple):
        value = _the_same(value, port)
    if value is not None and not isinstance(value, kind):
        raise InputError("a value is of another kind", where=port, expected=kind.__name__, got=type(value).__name__)
    return value


def expect_many(inputs: Mapping[str, Any], port: str, kind: type[T]) -> tuple[T, ...]:
    """All values at ``port``, at least one, each of that kind."""
    value = inputs.get(port, ())
    values = value if isinstance(value, tuple) else (value,)
    if not values:
        raise InputError("a value is missing", where=port, expected=kind.__name__, got="nothing")
    return tuple(expect({port: one}, port, kind) for one in values)


def require_finite(value: Volume | Projections | CoilSensitivities, port: str) -> None:
    """Refuse NaN and infinity."""
    xp = xp_of(value.array)
    if not bool(xp.isfinite(value.array).all()):
        raise InputError("the values must be finite", where=port, expected="no NaN or Inf")


def _the_same(values: tuple[Any, ...], port: str) -> Any:
    """The one value of a group's rows that is the same in all of them, such as the truth of a specimen."""
    if not values:
        return None
    first = values[0]
    for other in values[1:]:
        if type(other) is not type(first) or not (to_host(other.array) == to_host(first.array)).all():
            raise InputError("the rows of the group differ in it", where=port, expected="one value for the whole group")
    return first
