"""The data term ½ ‖A x - y‖² of an image, with A itself or with Aᴴ A alone.

Where the image has items (`items`), each is measured by the data of the same number along the first axis of y.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from scanmill.algorithms.reconstruction.items import PerItem, item_dot, item_ratio, item_squares
from scanmill.arrays import Array, xp_of
from scanmill.operators import LinearOperator


class DataTerm(ABC):
    """½ ‖A x - y‖² by way of a linear ``image_of`` x, which an algorithm may extrapolate instead of computing anew."""

    y_squares: PerItem

    @abstractmethod
    def image_of(self, x: Array) -> Array: ...  # noqa: D102

    @abstractmethod
    def gradient(self, image: Array) -> Array: ...  # noqa: D102

    @abstractmethod
    def value(self, x: Array, image: Array) -> PerItem: ...  # noqa: D102

    def residual(self, value: PerItem) -> PerItem:
        """‖A x - y‖ / ‖y‖ where the data term has this value."""
        return item_ratio((2 * value) ** 0.5, self.y_squares**0.5)


class Residuals(DataTerm):
    """By A and Aᴴ: ``image_of`` x is A x. Its value is exact even where data and model agree closely."""

    def __init__(self, op: LinearOperator, y: Array, item_axis: int | None = None) -> None:
        self.op, self.y, self.item_axis = op, y, item_axis
        self.y_squares = data_squares(y, item_axis)

    def image_of(self, x: Array) -> Array:
        """A x."""
        return self.op(x)

    def gradient(self, image: Array) -> Array:
        """Aᴴ (A x - y)."""
        return self.op.H(image - self.y)

    def value(self, x: Array, image: Array) -> PerItem:
        """½ ‖A x - y‖²."""
        return 0.5 * data_squares(image - self.y, self.item_axis)


class NormalEquations(DataTerm):
    """By ``op.gram`` and Aᴴ y alone: ``image_of`` x is Aᴴ A x, one Toeplitz product for a non-Cartesian trajectory.

    The value ½ ⟨x, Aᴴ A x⟩ - Re ⟨x, Aᴴ y⟩ + ½ ‖y‖² is a small difference of large numbers: good to about 1e-7 ‖y‖² in
    single precision.
    """

    def __init__(self, op: LinearOperator, y: Array, item_axis: int | None = None) -> None:
        self.gram, self.back, self.item_axis = op.gram, op.H(y), item_axis
        self.y_squares = data_squares(y, item_axis)

    def image_of(self, x: Array) -> Array:
        """Aᴴ A x."""
        return self.gram(x)

    def gradient(self, image: Array) -> Array:
        """Aᴴ A x - Aᴴ y."""
        return image - self.back

    def value(self, x: Array, image: Array) -> PerItem:
        """½ ‖A x - y‖², at least zero."""
        value = item_dot(x, 0.5 * image - self.back, self.item_axis) + 0.5 * self.y_squares
        return xp_of(value).maximum(value, 0.0) if self.item_axis is not None else max(value, 0.0)


def data_term(op: LinearOperator, y: Array, *, by_gram: bool, item_axis: int | None) -> DataTerm:
    """The data term by Aᴴ A (``by_gram``) or by A and Aᴴ."""
    return NormalEquations(op, y, item_axis) if by_gram else Residuals(op, y, item_axis)


def data_squares(y: Array, item_axis: int | None) -> PerItem:
    """‖y‖² of the data of every item of the image."""
    if item_axis is None:
        return item_squares(y, None)
    squares: Array = item_squares(y, -y.ndim)
    return squares.reshape(-1, *[1] * (-item_axis - 1))
