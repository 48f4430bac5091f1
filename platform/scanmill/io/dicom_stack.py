"""From frames to one grid: sorted by geometry, and every irregularity named with its numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry
from scanmill.io.dicom_frame import Frame

ORIENTATION_TOLERANCE = 1e-3
"""How far a direction cosine may vary within a series, or stray from a unit vector at right angles."""
GAP_TOLERANCE = 0.02
"""How far the distance of two slices may stray from the series' spacing, as a part of it; at least 0.01 mm."""
POSITION_TOLERANCE_MM = 0.01
SHIFT_TOLERANCE = 0.1
"""How far slices may be shifted sideways against the first one, in pixels; more is gantry tilt."""
NAMED = 3
"""How many gaps a message lists."""


@dataclass(frozen=True)
class Stacked:
    """Frames in the order of the planes of ``grid``: frame n lies in plane ``planes[n]``.

    ``fault`` says which slices are missing, None where every plane has its frame.
    """

    grid: VolumeGeometry
    frames: list[Frame]
    planes: list[int]
    fault: InputError | None = None

    @property
    def missing(self) -> tuple[int, ...]:
        """The planes that have no frame."""
        return tuple(sorted(set(range(self.grid.shape[0])) - set(self.planes)))


def stack(frames: Sequence[Frame]) -> tuple[VolumeGeometry, list[Frame]]:
    """The grid and the frames in the order of its planes, along the normal (row x column direction).

    The spacing is that of the positions, never SliceThickness (which is asked only for a single slice). Raises
    InputError for mixed sizes, pixel spacings or orientations, for duplicate or missing slices, irregular spacing,
    gantry tilt, and slices that do not lie on one line.
    """
    stacked = stack_with_gaps(frames)
    if stacked.fault is not None:
        raise stacked.fault
    return stacked.grid, stacked.frames


def stack_with_gaps(frames: Sequence[Frame]) -> Stacked:
    """The same where slices may be missing: the grid has a plane for each of them, in its true place."""
    _same([frame.shape for frame in frames], "slices of different sizes (rows, columns)")
    _same([tuple(round(v, 4) for v in frame.spacing) for frame in frames], "slices of different PixelSpacing")
    axes = _axes(frames)
    positions = np.array([frame.position for frame in frames], dtype=np.float64)
    depths = positions @ axes[2]
    order = np.argsort(depths, kind="stable")
    positions, depths = positions[order], depths[order]
    spacing, planes, fault = _slice_spacing(depths, frames[0].thickness)
    rows_mm, columns_mm = frames[0].spacing
    _refuse_tilt(positions - positions[0], depths - depths[0], axes[2], min(rows_mm, columns_mm))
    grid = VolumeGeometry(
        (planes[-1] + 1, *frames[0].shape),
        (columns_mm, rows_mm, spacing),
        tuple(positions[0]),
        tuple(map(tuple, axes.T)),  # type: ignore[arg-type]
    )
    return Stacked(grid, [frames[i] for i in order], planes, fault)


def _same(values: Sequence[object], what: str) -> None:
    counts = Counter(values).most_common()
    if len(counts) > 1:
        raise InputError(what, got=", ".join(f"{n} of {value}" for value, n in counts[:NAMED]))


def _axes(frames: Sequence[Frame]) -> HostArray:
    """Rows: the unit directions of growing column, row and slice index."""
    cosines = np.array([frame.orientation for frame in frames], dtype=np.float64)
    strays = np.abs(cosines - cosines[0]).max(axis=1) > ORIENTATION_TOLERANCE
    if strays.any():
        _same([tuple(np.round(c, 2).tolist()) for c in cosines], "slices of different orientation")
        raise InputError("slices of different orientation", got=f"{strays.sum()} of {len(frames)} differ")
    row, column = cosines[0, :3], cosines[0, 3:]
    faults = np.abs([row @ row - 1, column @ column - 1, row @ column])
    if faults.max() > ORIENTATION_TOLERANCE:
        raise InputError(
            "ImageOrientationPatient is not two unit vectors at right angles", got=cosines[0].round(6).tolist()
        )
    row = row / np.linalg.norm(row)
    column = column - (column @ row) * row
    column /= np.linalg.norm(column)
    return np.array([row, column, np.cross(row, column)])


def _slice_spacing(depths: HostArray, thickness: float | None) -> tuple[float, list[int], InputError | None]:
    """The spacing, the plane of each slice, and what is missing in between."""
    if len(depths) == 1:
        return abs(thickness or 0.0) or 1.0, [0], None
    gaps = np.diff(depths)
    _refuse_duplicates(depths, gaps)
    usual = float(np.sort(gaps)[(len(gaps) - 1) // 2])
    tolerance = max(GAP_TOLERANCE * usual, POSITION_TOLERANCE_MM)
    steps = np.rint(gaps / usual).astype(int)
    wrong = np.abs(gaps - usual) > tolerance
    whole = bool(np.all(np.abs(gaps - steps * usual) <= steps * tolerance) and steps.min() >= 1)
    if wrong.any() and not whole:
        raise InputError(
            "irregular slice spacing", expected=f"{usual:.4g} mm throughout", got=f"{_gaps(depths, wrong)}"
        )
    steps = steps if wrong.any() else np.ones_like(steps)
    planes = [0, *np.cumsum(steps).tolist()]
    fault = _missing(usual, planes, _gaps(depths, wrong)) if wrong.any() else None
    return float(depths[-1] - depths[0]) / planes[-1], planes, fault


def _missing(usual: float, planes: list[int], gaps: str) -> InputError:
    count = planes[-1] + 1
    return InputError(
        "missing slices",
        expected=f"one every {usual:.4g} mm",
        got=f"{count - len(planes)} missing of {count}: {gaps}",
        do="`read: {missing_slices: interpolate}` takes the mean of the neighbours instead",
    )


def _refuse_duplicates(depths: HostArray, gaps: HostArray) -> None:
    same = gaps <= POSITION_TOLERANCE_MM
    if not same.any():
        return
    places = np.split(depths, np.flatnonzero(~same) + 1)
    counts = Counter(len(place) for place in places)
    if len(counts) == 1:
        what = f"{len(places[0])} images at each of {len(places)} positions"
        raise InputError("duplicate slices", got=what, do="split the series by echo, phase, time or stack")
    named = ", ".join(f"{len(place)} at {place[0]:.2f} mm" for place in places if len(place) > 1)
    raise InputError("duplicate slices", expected="one per position", got=_shortened(named))


def _refuse_tilt(offsets: HostArray, depths: HostArray, normal: HostArray, pixel_mm: float) -> None:
    sideways = offsets - np.outer(depths, normal)
    shift = float(np.linalg.norm(sideways, axis=1).max())
    tolerance = max(SHIFT_TOLERANCE * pixel_mm, POSITION_TOLERANCE_MM)
    if shift <= tolerance:
        return
    slope = sideways[-1] / depths[-1]
    strays = float(np.linalg.norm(sideways - np.outer(depths, slope), axis=1).max())
    if strays > tolerance:
        raise InputError(
            "the slices do not lie on one line", got=f"{strays:.3g} mm off", expected=f"{tolerance:.3g} mm"
        )
    angle = float(np.rad2deg(np.arctan(np.linalg.norm(slope))))
    raise InputError(
        "gantry tilt: the slices are sheared against their normal",
        got=f"{angle:.2f} degrees, {shift:.4g} mm over the series",
        do="resample the series onto a rectangular grid first",
    )


def _gaps(depths: HostArray, wrong: HostArray) -> str:
    return _shortened(
        ", ".join(f"{depths[i + 1] - depths[i]:.4g} mm after {depths[i]:.2f} mm" for i in np.flatnonzero(wrong))
    )


def _shortened(listed: str) -> str:
    parts = listed.split(", ")
    return ", ".join(parts[:NAMED]) + (f" and {len(parts) - NAMED} more" if len(parts) > NAMED else "")
