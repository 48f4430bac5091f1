"""The form of the images that the MR solvers are for."""

from __future__ import annotations

from scanmill.errors import SpecError
from scanmill.operators import LinearOperator

ITEM_AXIS = -5
"""Images are (batch, set, z, y, x): the items of a batch (slices) are problems of their own."""
SET_AXIS = -4
IMAGE_AXES = (-3, -2, -1)


def check_images(op: LinearOperator) -> None:
    """SpecError unless the operator is of complex images (batch or frame, set, z, y, x)."""
    if len(op.in_shape) != 5 or op.dtype.kind != "c":
        raise SpecError(
            "an MR reconstruction is of complex images",
            expected="complex (batch or frame, set, z, y, x)",
            got=f"{op.dtype.name} {op.in_shape}",
        )


def used_axes(op: LinearOperator) -> tuple[int, ...]:
    """The axes of z, y and x along which there is more than one voxel."""
    return tuple(axis for axis in IMAGE_AXES if op.in_shape[axis] > 1)
