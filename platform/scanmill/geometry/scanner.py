"""Rays through a CT scanner: the pose of source and detector in every view, in LPS millimetres."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.geometry import circular
from scanmill.geometry.circular import DetectorShape, per_view, turned

Beam = Literal["parallel", "fan", "cone"]
POSES = ("source", "detector", "column_step", "row_step")
SQUARE = 1e-6
"""How far from right angles the axes of a cylindrical detector may stray."""


@dataclass(frozen=True, eq=False)
class ScanGeometry:
    """One pose per view; projections are arrays (view, row, column).

    ``detector`` is the point in the middle of the detector's pixels, ``column_step`` and ``row_step`` lead from a
    pixel's centre to the next one's; all are float64 (n_views, 3) in LPS mm. ``source`` is read by ``beam``:

    - ``"cone"``: the focal spot; every ray starts there.
    - ``"fan"``: a stack of planes, one per row; row r has its own focal spot ``source + (r - middle) * row_step``.
    - ``"parallel"``: a point such that ``detector - source`` is the direction of all rays of the view.

    A detector is flat, or cylindrical where ``arc_center`` (n_views, 3) is given: its columns then lie at equal angles
    on the arc around that point, ``column_step`` is the arc's tangent in the middle of the pixels and its length the
    pitch along the arc. The focal spot usually stands at the arc's center; a flying one beside it.

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
    arc_center: HostArray | None = None

    def __post_init__(self) -> None:
        if self.beam not in ("parallel", "fan", "cone"):
            raise InputError("unknown beam", expected="parallel, fan or cone", got=self.beam)
        if self.n_rows < 1 or self.n_columns < 1:
            raise InputError("a detector needs rows and columns", got=(self.n_rows, self.n_columns))
        n_views = len(self.source)
        for name in self.poses:
            pose = np.array(getattr(self, name), dtype=np.float64)
            if pose.shape != (n_views, 3) or n_views == 0 or not np.isfinite(pose).all():
                raise InputError(f"{name} needs finite numbers", expected=f"shape ({n_views}, 3)", got=pose.shape)
            pose.setflags(write=False)
            object.__setattr__(self, name, pose)
        if self.arc_center is not None:
            self._check_arc()

    def _check_arc(self) -> None:
        if self.beam == "parallel":
            raise InputError("parallel rays need a flat detector", got="an arc_center")
        radial, tangent, radius = self._arc()
        upward = self.row_step / self.row_spacing[:, None]
        skew = [np.einsum("ij,ij->i", a, b) for a, b in ((radial, tangent), (radial, upward), (tangent, upward))]
        if radius.min() <= 0 or np.abs(skew).max() > SQUARE:
            raise InputError(
                "the arc, the columns and the rows of a cylindrical detector must be at right angles",
                got=f"off by {np.abs(skew).max():.3g}",
            )

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
        panel = circular.Panel((n_rows, n_columns), (row_spacing, column_spacing), (axis_row, axis_column))
        return cls("parallel", **circular.parallel(angles, panel), n_rows=n_rows, n_columns=n_columns)

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
        detector_shape: DetectorShape = "flat",
    ) -> ScanGeometry:
        """A fan beam, or a stack of them (``row_spacing`` is then the distance of the planes).
        Distances in mm, ``angles`` in rad; a cylindrical detector is measured along its arc (equiangular fan)."""
        panel = circular.Panel(
            (n_rows, n_columns), (row_spacing, column_spacing), (axis_row, axis_column), detector_shape
        )
        poses = circular.fan(angles, panel, source_to_isocenter, source_to_detector)
        return cls("fan", **poses, n_rows=n_rows, n_columns=n_columns)

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
        detector_shape: DetectorShape = "flat",
    ) -> ScanGeometry:
        """A cone beam on a circle. Distances in mm, ``angles`` in rad; the spacings are those on the detector (along
        the arc of a cylindrical one), not at the isocentre."""
        panel = circular.Panel(
            (n_rows, n_columns), (row_spacing, column_spacing), (axis_row, axis_column), detector_shape
        )
        poses = circular.cone(angles, panel, source_to_isocenter, source_to_detector)
        return cls("cone", **poses, n_rows=n_rows, n_columns=n_columns)

    @classmethod
    def helical(
        cls,
        angles: npt.ArrayLike,
        z: npt.ArrayLike,
        n_columns: int,
        column_spacing: float,
        *,
        n_rows: int,
        row_spacing: float,
        source_to_isocenter: float,
        source_to_detector: float,
        axis_column: float | None = None,
        axis_row: float | None = None,
        detector_shape: DetectorShape = "cylindrical",
    ) -> ScanGeometry:
        """A cone beam whose source and detector also travel along the axis: ``z`` (n_views) of the focal spot in mm.

        >>> turn = np.linspace(0, 2 * np.pi, 5)
        >>> scan = ScanGeometry.helical(turn, 10 * turn / np.pi, 9, 1.0, n_rows=2, row_spacing=1.0,
        ...                             source_to_isocenter=500.0, source_to_detector=900.0)
        >>> scan.source[1].round(9).tolist(), scan.is_cylindrical
        ([500.0, -0.0, 5.0], True)
        """
        panel = circular.Panel(
            (n_rows, n_columns), (row_spacing, column_spacing), (axis_row, axis_column), detector_shape
        )
        poses = circular.cone(angles, panel, source_to_isocenter, source_to_detector)
        lift = per_view(z, len(poses["source"]), "z")[:, None] * [0.0, 0.0, 1.0]
        for name in ("source", "detector", "arc_center"):
            poses[name] = None if poses[name] is None else poses[name] + lift
        return cls("cone", **poses, n_rows=n_rows, n_columns=n_columns)

    @property
    def poses(self) -> dict[str, HostArray]:
        """The arrays (n_views, 3) that make up the scan, by the names of their fields."""
        poses = {name: getattr(self, name) for name in POSES}
        return poses if self.arc_center is None else {**poses, "arc_center": self.arc_center}

    @property
    def is_cylindrical(self) -> bool:
        """Whether the detector is an arc and not a plane."""
        return self.arc_center is not None

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
        """The angle of every view in rad, in (-pi, pi]: that of a flat detector's columns in the x-y plane, or that of
        the arc's center around the axis x = y = 0."""
        if self.arc_center is not None:
            return np.arctan2(self.arc_center[:, 0], -self.arc_center[:, 1])
        return np.arctan2(self.column_step[:, 1], self.column_step[:, 0])

    @property
    def column_spacing(self) -> HostArray:
        """The distance of two columns in every view, in mm; along the arc of a cylindrical detector."""
        return np.asarray(np.linalg.norm(self.column_step, axis=1))

    @property
    def row_spacing(self) -> HostArray:
        """The distance of two rows in every view, in mm."""
        return np.asarray(np.linalg.norm(self.row_step, axis=1))

    def views(self, chosen: slice | npt.ArrayLike) -> ScanGeometry:
        """The scan that holds only the chosen views (a slice, indices or a mask)."""
        index = chosen if isinstance(chosen, slice) else np.asarray(chosen)
        poses: dict[str, Any] = {name: pose[index] for name, pose in self.poses.items()}
        return replace(self, **poses)

    def with_focal_spot(
        self, angular: npt.ArrayLike = 0.0, axial: npt.ArrayLike = 0.0, radial: npt.ArrayLike = 0.0
    ) -> ScanGeometry:
        """The scan whose focal spot stands elsewhere while the detector stays, as a flying focal spot does.

        ``angular`` in rad turns it about the axis x = y = 0 (growing with the angle), ``axial`` in mm lifts it along z,
        ``radial`` in mm moves it away from the axis; numbers, or one per view.

        >>> scan = ScanGeometry.fan([0.0], 5, 1.0, source_to_isocenter=500.0, source_to_detector=900.0)
        >>> scan.with_focal_spot(axial=0.5, radial=2.0).source.tolist()
        [[0.0, -502.0, 0.5]]
        """
        if self.beam == "parallel":
            raise InputError("parallel rays have no focal spot")
        by, lift, out = (
            per_view(value, self.n_views, name)
            for name, value in (("angular", angular), ("axial", axial), ("radial", radial))
        )
        distance = np.linalg.norm(self.source[:, :2], axis=1)
        source = turned(self.source, by)
        source[:, :2] *= ((distance + out) / distance)[:, None]
        source[:, 2] += lift
        return replace(self, source=source)

    def with_detector_shift(self, columns: npt.ArrayLike = 0.0, rows: npt.ArrayLike = 0.0) -> ScanGeometry:
        """The scan whose detector is shifted by ``columns`` and ``rows`` mm along its axes, numbers or one per view.

        A cylindrical detector slides along its arc; the rays of a parallel beam keep their direction.
        """
        across, up = per_view(columns, self.n_views, "columns"), per_view(rows, self.n_views, "rows")
        lift = self.row_step * (up / self.row_spacing)[:, None]
        if self.arc_center is None:
            shift = self.column_step * (across / self.column_spacing)[:, None] + lift
            source = self.source + shift if self.beam == "parallel" else self.source
            return replace(self, source=source, detector=self.detector + shift)
        radial, tangent, radius = self._arc()
        cosine, sine = np.cos(across / radius)[:, None], np.sin(across / radius)[:, None]
        center = self.arc_center + lift
        detector = center + radius[:, None] * (cosine * radial + sine * tangent)
        step = self.column_spacing[:, None] * (cosine * tangent - sine * radial)
        return replace(self, detector=detector, column_step=step, arc_center=center)

    def pixels(self, view: int) -> HostArray:
        """The centres of a view's pixels, (row, column, 3) in mm."""
        rows = (np.arange(self.n_rows)[:, None, None] - (self.n_rows - 1) / 2) * self.row_step[view]
        columns = np.arange(self.n_columns)[None, :, None] - (self.n_columns - 1) / 2
        if self.arc_center is None:
            flat: HostArray = self.detector[view] + rows + columns * self.column_step[view]
            return flat
        radial, tangent, radius = (part[view] for part in self._arc())
        angle = columns * self.column_spacing[view] / radius
        arc: HostArray = self.arc_center[view] + radius * (np.cos(angle) * radial + np.sin(angle) * tangent) + rows
        return arc

    def _arc(self) -> tuple[HostArray, HostArray, HostArray]:
        """The unit vector from the arc's center to the detector's middle, the unit tangent there, and the radius."""
        spoke = self.detector - self.arc_center
        radius = np.asarray(np.linalg.norm(spoke, axis=1))
        return spoke / radius[:, None], self.column_step / self.column_spacing[:, None], radius

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
        """Whether both scans have the same beam, sizes and detector shape, and poses within ``tolerance_mm``."""
        mine, theirs = self.poses, other.poses
        if (self.beam, self.shape, mine.keys()) != (other.beam, other.shape, theirs.keys()):
            return False
        return all(np.allclose(mine[name], theirs[name], rtol=0, atol=tolerance_mm) for name in mine)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and numbers, for JSON and YAML."""
        poses = {name: pose.tolist() for name, pose in self.poses.items()}
        return {"beam": self.beam, **poses, "n_rows": self.n_rows, "n_columns": self.n_columns}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> ScanGeometry:
        """The inverse of :meth:`to_dict`."""
        poses = (*POSES, "arc_center")
        values: dict[str, Any] = {name: np.asarray(v) if name in poses else v for name, v in fields.items()}
        return cls(**values)
