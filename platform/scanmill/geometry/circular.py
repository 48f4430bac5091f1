"""The poses of a scanner that turns around the z axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from scanmill.arrays import HostArray
from scanmill.errors import InputError

DetectorShape = Literal["flat", "cylindrical"]


@dataclass(frozen=True)
class Panel:
    """A detector: ``sizes`` and ``spacings`` in mm as (rows, columns), and the (row, column) of the axis and of z = 0,
    None for the middle."""

    sizes: tuple[int, int]
    spacings: tuple[float, float]
    axis: tuple[float | None, float | None] = (None, None)
    shape: DetectorShape = "flat"

    def __post_init__(self) -> None:
        if min(self.spacings) <= 0:
            raise InputError("detector spacings must be positive", got=self.spacings)
        if self.shape not in ("flat", "cylindrical"):
            raise InputError("unknown shape of a detector", expected="flat or cylindrical", got=self.shape)

    @property
    def off(self) -> tuple[float, float]:
        """How many rows and columns the middle lies beyond the axis."""
        rows, columns = (0.0 if at is None else (n - 1) / 2 - at for n, at in zip(self.sizes, self.axis, strict=True))
        return rows, columns


def parallel(angles: npt.ArrayLike, panel: Panel) -> dict[str, Any]:
    """The poses of parallel rays; ``angles`` in rad."""
    along, column_step, row_step = _axes(angles, panel)
    shift = panel.off[0] * row_step + panel.off[1] * column_step
    return {"source": shift - along, "detector": shift, "column_step": column_step, "row_step": row_step}


def fan(angles: npt.ArrayLike, panel: Panel, source_to_isocenter: float, source_to_detector: float) -> dict[str, Any]:
    """The poses of a stack of fans: those of a cone whose source lies in the plane of the middle of the rows."""
    poses = cone(angles, panel, source_to_isocenter, source_to_detector)
    return {**poses, "source": poses["source"] + panel.off[0] * poses["row_step"]}


def cone(angles: npt.ArrayLike, panel: Panel, source_to_isocenter: float, source_to_detector: float) -> dict[str, Any]:
    """The poses of a cone on a circle in the plane z = 0; distances in mm. ``arc_center`` is None if flat."""
    if not 0 < source_to_isocenter < source_to_detector:
        raise InputError(
            "the detector must lie behind the isocentre",
            expected="0 < source_to_isocenter < source_to_detector (mm)",
            got=(source_to_isocenter, source_to_detector),
        )
    along, column_step, row_step = _axes(angles, panel)
    source, lift, center = -along * source_to_isocenter, panel.off[0] * row_step, None
    if panel.shape == "flat":
        detector = along * (source_to_detector - source_to_isocenter) + (lift + panel.off[1] * column_step)
    else:
        gamma = panel.off[1] * panel.spacings[1] / source_to_detector
        center, column_step = source + lift, turned(column_step, -gamma)
        detector = center + source_to_detector * turned(along, -gamma)
    poses = {"source": source, "detector": detector, "column_step": column_step, "row_step": row_step}
    return {**poses, "arc_center": center}


def turned(points: HostArray, by: npt.ArrayLike) -> HostArray:
    """Points or vectors (n_views, 3) turned about the z axis by rad, from x to y."""
    cosine, sine = np.cos(by), np.sin(by)
    x, y, z = points.T
    return np.stack([cosine * x - sine * y, sine * x + cosine * y, z], axis=-1)


def per_view(value: npt.ArrayLike, n_views: int, name: str) -> HostArray:
    """One number for each view, from a scalar or (n_views,)."""
    numbers = np.asarray(value, dtype=np.float64)
    if numbers.shape not in ((), (n_views,)):
        raise InputError(f"{name} needs a number for each view", expected=f"shape ({n_views},)", got=numbers.shape)
    return np.broadcast_to(numbers, (n_views,))


def _axes(angles: npt.ArrayLike, panel: Panel) -> tuple[HostArray, HostArray, HostArray]:
    """The unit vectors along the central rays, and the steps of columns and rows, (n_views, 3)."""
    a = np.atleast_1d(np.asarray(angles, dtype=np.float64))
    zero = np.zeros_like(a)
    along = np.stack([-np.sin(a), np.cos(a), zero], axis=-1)
    column_step = np.stack([np.cos(a), np.sin(a), zero], axis=-1) * panel.spacings[1]
    return along, column_step, np.broadcast_to([0.0, 0.0, panel.spacings[0]], column_step.shape)
