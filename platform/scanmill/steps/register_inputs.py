"""What the steps of registration read: two images, masks, a transform to start from, and segmentations to judge by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scanmill.arrays import HostArray
from scanmill.data import Labels, Volume
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry
from scanmill.steps.contract import Port
from scanmill.steps.expected import expect, optional, require_finite

if TYPE_CHECKING:
    from scanmill.data.transforms import Transform

READS = {
    "fixed": Port("volume"),
    "moving": Port("volume"),
    "fixed_mask": Port("labels", optional=True),
    "moving_mask": Port("labels", optional=True),
    "start": Port("transform", optional=True),
    "fixed_labels": Port("labels", optional=True),
    "moving_labels": Port("labels", optional=True),
}


@dataclass(frozen=True, eq=False)
class RegisterInputs:
    """The values at the ports of `READS`."""

    fixed: Volume
    moving: Volume
    fixed_mask: Labels | None
    moving_mask: Labels | None
    start: Transform | None
    labels: tuple[Labels, Labels] | None
    """Of the fixed image and of the moving one, where both are there."""

    @classmethod
    def of(cls, inputs: Mapping[str, Any]) -> RegisterInputs:
        """InputError for a missing one, one of another kind, or voxels that are not finite."""
        fixed, moving = (expect(inputs, name, Volume) for name in ("fixed", "moving"))
        require_finite(fixed, "fixed")
        require_finite(moving, "moving")
        fixed_mask, moving_mask = (optional(inputs, name, Labels) for name in ("fixed_mask", "moving_mask"))
        ours, theirs = (optional(inputs, name, Labels) for name in ("fixed_labels", "moving_labels"))
        labels = None if ours is None or theirs is None else (ours, theirs)
        return cls(fixed, moving, fixed_mask, moving_mask, transform_at(inputs, "start"), labels)


def transform_at(inputs: Mapping[str, Any], port: str) -> Transform | None:
    """The transform at ``port``, or None; InputError for another value."""
    from scanmill.data.transforms import Transform

    value = inputs.get(port)
    if value is not None and not isinstance(value, Transform):
        raise InputError("a value is of another kind", where=port, expected="a transform", got=type(value).__name__)
    return value


def transforms_at(inputs: Mapping[str, Any], port: str) -> tuple[Transform, ...]:
    """All transforms at ``port``; none where there is no value."""
    value = inputs.get(port, ())
    values = value if isinstance(value, tuple) else () if value is None else (value,)
    return tuple(one for part in values if (one := transform_at({port: part}, port)) is not None)


def middle_of(grid: VolumeGeometry) -> HostArray:
    """The middle of a grid in mm."""
    return grid.to_points((np.array(grid.shape[::-1]) - 1) / 2)
