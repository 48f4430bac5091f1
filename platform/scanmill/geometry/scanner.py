"""Rays through a CT scanner: the pose of source and flat detector in every view, in LPS millimetres."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from scanmill.arrays import HostArray
from scanmill.errors import InputError

Beam = Literal["parallel", "fan", "cone"]
POSES = ("source", "detector", "column_step", "row_step")


@dataclass(frozen=True, eq=False)
class ScanGeometry:
    """One pose per view; projections are arrays (view, row, column).

    ``detector`` is the point in the middle of the detector's pixels, ``column_step`` and ``row_step`` lead from a
    pixel's centre to the next one's; all are float64 (n_views, 3) in LPS mm. ``source`` is read by ``beam``:

    - ``"cone"``: the focal spot; every ray starts there.
    - ``"fan"``: a stack of planes, one per row; row r has its own focal spot ``source + (r - middle) * row_step``.
    - ``"parallel"``: a point such that ``detector - source`` is the direction of all rays of the view.

    The named constructors turn a circular scanner: at angle 0 the rays run along +y (the source is above a supine
    patient), columns grow along +x and rows along +z; angles grow from x to y. So ``column_step`` is
    (cos a, sin a, 0) and t = x cos a + y sin a, as in the Radon transform of the textbooks.

    >>> scan = ScanGeometry.parallel([0.0, np.pi / 2], n_columns=5, column_spacing=2.0)
    >>> scan.shape
    (2, 1, 5)
    >>> origin, direction = scan.rays(1)
    >>> direction[0, 0].round(12).tolist(), scan.column_step[1].round(12).tolist()
    ([-1.0, 0.0, 0.0], [0.0, 2.0, 0.0])
    """

    beam: Beam
    source: HostArray
    detector: HostArray
    column_step: HostArray
    row_step: HostArray
    n_rows: int
    n_columns: int

    def __post_init__(self) -> None:
        if self.beam not in ("parallel", "fan", "cone"):
            raise InputError("unknown beam", expected="parallel, fan or cone", got=self.beam)
        if self.n_rows < 1 or self.n_columns < 1:
            raise InputError("a detector needs rows and columns", got=(self.n_rows, self.n_columns))
        n_views = len(self.source)
        for name in POSES:
            pose = np.array(getattr(self, name), dtype=np.float64)
            if pose.shape != (n_views, 3) or n_views == 0 or not np.isfinite(pose).all():
                raise InputError(f"{name} needs finite numbers", expected=f"shape ({n_views}, 3)", got=pose.shape)
            pose.setflags(write=False)
            object.__setattr__(self, name, pose)

    @classmethod
    def parallel(
        cls,
        angles: npt.ArrayLike,
        n_columns: int,
        column_spacing: float,
        *,
        n_rows: int = 1,
        row_spacing: float = 1.0,
        axis_column: float | None = None,
        axis_row: float | None = None,
    ) -> ScanGeometry:
        """Parallel rays. ``angles`` in rad; ``axis_column`` is the column (zero-based pixel centre, fractions
        allowed) onto which the axis of rotation falls, the middle by default; ``axis_row`` likewise for z = 0."""
        return cls._circular(
            "parallel", angles, (n_rows, n_columns), (row_spacing, column_spacing), (axis_row, axis_column), 1.0, 1.0
        )

    @classmethod
    def fan(
        cls,
        angles: npt.ArrayLike,
        n_columns: int,
        column_spacing: float,
        *,
        source_to_isocenter: float,
        source_to_detector: float,
        n_rows: int = 1,
        row_spacing: float = 1.0,
        axis_column: float | None = None,
        axis_row: float | None = None,
    ) -> ScanGeometry:
        """A flat-detector fan beam, or a stack of them (``row_spacing`` is then the distance of the planes).
        Distances in mm, ``angles`` in rad."""
        _check_distances(source_to_isocenter, source_to_detector)
        sizes, spacings, axis = (n_rows, n_columns), (row_spacing, column_spacing), (axis_row, axis_column)
        return cls._circular("fan", angles, sizes, spacings, axis, source_to_isocenter, source_to_detector)

    @classmethod
    def cone(
        cls,
        angles: npt.ArrayLike,
        n_columns: int,
        column_spacing: float,
        *,
        n_rows: int,
        row_spacing: float,
        source_to_isocenter: float,
        source_to_detector: float,
        axis_column: float | None = None,
        axis_row: float | None = None,
    ) -> ScanGeometry:
        """A flat-detector cone beam on a circle. Distances in mm, ``angles`` in rad; the spacings are those on the
        detector, not at the isocentre."""
        _check_distances(source_to_isocenter, source_to_detector)
        sizes, spacings, axis = (n_rows, n_columns), (row_spacing, column_spacing), (axis_row, axis_column)
        return cls._circular("cone", angles, sizes, spacings, axis, source_to_isocenter, source_to_detector)

    @classmethod
    def _circular(
        cls,
        beam: Beam,
        angles: npt.ArrayLike,
        sizes: tuple[int, int],
        spacings: tuple[float, float],
        axis: tuple[float | None, float | None],
        source_to_isocenter: float,
        source_to_detector: float,
    ) -> ScanGeometry:
        if min(spacings) <= 0:
            raise InputError("detector spacings must be positive", got=spacings)
        a = np.atleast_1d(np.asarray(angles, dtype=np.float64))
        zero = np.zeros_like(a)
        along = np.stack([-np.sin(a), np.cos(a), zero], axis=-1)
        column_step = np.stack([np.cos(a), np.sin(a), zero], axis=-1) * spacings[1]
        row_step = np.broadcast_to([0.0, 0.0, spacings[0]], column_step.shape)
        middle_row, middle_column = ((n - 1) / 2 for n in sizes)
        rows_off = 0.0 if axis[0] is None else middle_row - axis[0]
        columns_off = 0.0 if axis[1] is None else middle_column - axis[1]
        shift = rows_off * row_step + columns_off * column_step
        detector = along * (source_to_detector - source_to_isocenter) + shift
        source = -along * source_to_isocenter
        if beam == "parallel":
            detector, source = shift, shift - along
        elif beam == "fan":
            source = source + rows_off * row_step
        return cls(beam, source, detector, column_step, row_step, *sizes)

    @property
    def n_views(self) -> int:
        """The number of views."""
        return len(self.source)

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of the projections: (view, row, column)."""
        return self.n_views, self.n_rows, self.n_columns

    @property
    def angles(self) -> HostArray:
        """The angle of every view in rad, in (-pi, pi], read from the direction of the columns in the x-y plane."""
        return np.arctan2(self.column_step[:, 1], self.column_step[:, 0])

    @property
    def column_spacing(self) -> HostArray:
        """The distance of two columns in every view, in mm."""
        return np.asarray(np.linalg.norm(self.column_step, axis=1))

    @property
    def row_spacing(self) -> HostArray:
        """The distance of two rows in every view, in mm."""
        return np.asarray(np.linalg.norm(self.row_step, axis=1))

    def views(self, chosen: slice | npt.ArrayLike) -> ScanGeometry:
        """The scan that holds only the chosen views (a slice, indices or a mask)."""
        index = chosen if isinstance(chosen, slice) else np.asarray(chosen)
        poses = {name: getattr(self, name)[index] for name in POSES}
        return ScanGeometry(self.beam, **poses, n_rows=self.n_rows, n_columns=self.n_columns)

    def pixels(self, view: int) -> HostArray:
        """The centres of a view's pixels, (row, column, 3) in mm."""
        rows = np.arange(self.n_rows)[:, None, None] - (self.n_rows - 1) / 2
        columns = np.arange(self.n_columns)[None, :, None] - (self.n_columns - 1) / 2
        pixels: HostArray = self.detector[view] + rows * self.row_step[view] + columns * self.column_step[view]
        return pixels

    def rays(self, view: int) -> tuple[HostArray, HostArray]:
        """A point on each ray of a view and the ray's unit direction: two arrays (row, column, 3), float64."""
        pixels = self.pixels(view)
        if self.beam == "parallel":
            along = np.broadcast_to(self.detector[view] - self.source[view], pixels.shape)
            origin = pixels
        elif self.beam == "fan":
            rows = np.arange(self.n_rows)[:, None, None] - (self.n_rows - 1) / 2
            origin = np.broadcast_to(self.source[view] + rows * self.row_step[view], pixels.shape)
            along = pixels - origin
        else:
            origin = np.broadcast_to(self.source[view], pixels.shape)
            along = pixels - origin
        return origin, along / np.linalg.norm(along, axis=-1, keepdims=True)

    def is_close(self, other: ScanGeometry, tolerance_mm: float = 1e-6) -> bool:
        """Whether both scans have the same beam and sizes, and the same poses within ``tolerance_mm``."""
        if (self.beam, self.shape) != (other.beam, other.shape):
            return False
        return all(np.allclose(getattr(self, n), getattr(other, n), rtol=0, atol=tolerance_mm) for n in POSES)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and numbers, for JSON and YAML."""
        poses = {name: getattr(self, name).tolist() for name in POSES}
        return {"beam": self.beam, **poses, "n_rows": self.n_rows, "n_columns": self.n_columns}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> ScanGeometry:
        """The inverse of :meth:`to_dict`."""
        values: dict[str, Any] = {name: np.asarray(v) if name in POSES else v for name, v in fields.items()}
        return cls(**values)


def _check_distances(source_to_isocenter: float, source_to_detector: float) -> None:
    if not 0 < source_to_isocenter < source_to_detector:
        raise InputError(
            "the detector must lie behind the isocentre",
            expected="0 < source_to_isocenter < source_to_detector (mm)",
            got=(source_to_isocenter, source_to_detector),
        )
