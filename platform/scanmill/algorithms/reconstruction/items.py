"""Independent problems in one array: sums, inner products and choices for every item by itself.

``item_axis`` counts the items from the end (-5 for images (batch, set, z, y, x)), so that it also holds for arrays with
more axes in front; None makes one problem of the whole array. What belongs to items (a step, an objective) is a float
for None, else an array with the items along ``item_axis`` and ones behind, which scales any array of the images'
shape. So a stack of slices comes out as slice by slice.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from scanmill.arrays import Array, xp_of
from scanmill.errors import SpecError

PerItem: TypeAlias = float | Array
"""A number for every item: a float, or an array with axes of length one behind its items."""


def item_sum(values: Array, item_axis: int | None) -> PerItem:
    """Σ values of every item, in float64.

    >>> item_sum(np.array([[1.0, 2.0], [3.0, 4.0]]), -2).tolist(), item_sum(np.ones((2, 2)), None)
    ([[3.0], [7.0]], 4.0)
    """
    xp = xp_of(values)
    if item_axis is None:
        return float(xp.sum(values, dtype=np.float64))
    item = values.ndim + item_axis
    if item_axis >= 0 or item < 0:
        raise SpecError("items are counted from the last axis", expected=f"-{values.ndim} to -1", got=item_axis)
    axes = tuple(axis for axis in range(values.ndim) if axis != item)
    return xp.sum(values, axis=axes, dtype=np.float64).reshape(-1, *[1] * (-item_axis - 1))


def item_dot(a: Array, b: Array, item_axis: int | None) -> PerItem:
    """Re ⟨a, b⟩ of every item: the inner product of complex arrays as arrays of real numbers."""
    products = a.real * b.real
    if a.dtype.kind == "c":
        products += a.imag * b.imag
    return item_sum(products, item_axis)


def item_squares(x: Array, item_axis: int | None) -> PerItem:
    """‖x‖² of every item."""
    return item_dot(x, x, item_axis)


def item_ratio(part: PerItem, whole: PerItem) -> PerItem:
    """``part / whole`` of every item, and 0 / 0 = 0.

    >>> item_ratio(1.0, 4.0), item_ratio(0.0, 0.0), item_ratio(np.array([2.0, 0.0]), np.array([4.0, 0.0])).tolist()
    (0.25, 0.0, [0.5, 0.0])
    """
    if isinstance(whole, float):
        return part / whole if whole != 0 else (0.0 if part == 0 else float("inf"))
    xp = xp_of(whole)
    empty = whole == 0
    return xp.where(empty, xp.where(part == 0, 0.0, np.inf), part / xp.where(empty, 1.0, whole))


def relative_change(x: Array, before: Array, item_axis: int | None) -> PerItem:
    """‖x - before‖ / ‖x‖ of every item."""
    return item_ratio(item_squares(x - before, item_axis) ** 0.5, item_squares(x, item_axis) ** 0.5)


def item_choice(condition: bool | Array, yes: Array, no: Array) -> Array:
    """``yes`` for the items that meet the condition, ``no`` for the others; no copy where all agree."""
    xp = xp_of(condition)
    if xp.all(condition):
        return yes
    return xp.where(condition, yes, no) if xp.any(condition) else no


def worst(values: PerItem) -> float:
    """The greatest over the items; NaN where one is NaN."""
    return float(xp_of(values).max(values))


def total(values: PerItem) -> float:
    """The sum over the items."""
    return float(xp_of(values).sum(values))


def as_item(value: PerItem, x: Array, item_axis: int | None) -> PerItem:
    """A number or one number an item, in the precision and on the device of ``x``, ready to scale arrays like it."""
    xp, real = xp_of(x), x.real.dtype
    if xp.ndim(value) == 0:
        return float(value)
    if item_axis is None or xp.size(value) not in (1, x.shape[item_axis]):
        n_items = 1 if item_axis is None else x.shape[item_axis]
        raise SpecError("one number, or one for every item", expected=n_items, got=xp.size(value))
    return xp.asarray(value, dtype=real).reshape(-1, *[1] * (-item_axis - 1))
