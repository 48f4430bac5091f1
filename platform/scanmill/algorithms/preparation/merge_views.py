"""Several partial scans of one object made into one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scanmill.algorithms.preparation.angular_order import angular_order
from scanmill.arrays import Array, HostArray, to_host, xp_of
from scanmill.data import Projections
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry


@dataclass(frozen=True, eq=False)
class MergedViews:
    """``projections`` sorted by angle, and how many views went into the mean of another of the same angle."""

    projections: Projections
    n_duplicates: int


def merge_views(
    parts: Sequence[Projections], *, tolerance_deg: float = 0.01, tolerance_mm: float = 1e-3
) -> MergedViews:
    """Merge arcs of one object on one scanner; views within ``tolerance_deg`` of each other are averaged.

    The views grow in angle and begin after the widest gap, so that one arc stays one arc. Angles count modulo a
    whole turn. Raises InputError where the detectors, quantities or fields differ, or where two views of one angle
    have poses further apart than ``tolerance_mm``.

    >>> whole = [0.0, 0.1, 0.2]
    >>> arcs = [ScanGeometry.parallel(a, n_columns=2, column_spacing=1.0) for a in (whole[1:], whole[:2])]
    >>> ones, threes = (Projections(np.full((2, 1, 2), v), arc) for v, arc in zip((1.0, 3.0), arcs))
    >>> merged = merge_views([ones, threes])
    >>> merged.projections.geometry.angles.round(9).tolist(), merged.projections.array[:, 0, 0].tolist()
    ([0.0, 0.1, 0.2], [3.0, 2.0, 1.0])
    >>> merged.n_duplicates
    1
    """
    if not parts:
        raise InputError("nothing to merge", expected="at least one scan", got=0)
    _check_alike(parts)
    first, xp = parts[0], xp_of(parts[0].array)
    poses: dict[str, Any] = {
        name: np.concatenate([p.geometry.poses[name] for p in parts]) for name in first.geometry.poses
    }
    scan = replace(first.geometry, **poses)
    tolerance_rad = float(np.deg2rad(tolerance_deg))
    order, same = _order(scan.angles, tolerance_rad)
    _check_poses(scan.views(order), same, tolerance_mm, tolerance_rad)
    array = xp.concatenate([p.array for p in parts])[order]
    merged = _mean_of_runs(array, same)
    photons = _photons(parts, order[~same])
    projections = replace(first, array=merged, geometry=scan.views(order[~same]), photons=photons)
    return MergedViews(projections, int(same.sum()))


def _order(angles: HostArray, tolerance: float) -> tuple[HostArray, HostArray]:
    """The order of the views from the widest gap on, and which of them repeat the angle before them."""
    order, gaps = angular_order(angles, tolerance_rad=tolerance)
    same = gaps <= tolerance
    same[0] = False
    return order, same


def _mean_of_runs(array: Array, same: HostArray) -> Array:
    """One view for each run of repeated ones: their mean."""
    starts = np.flatnonzero(~same)
    ends = np.append(starts[1:], len(same))
    merged = array[starts]
    if same.any() and array.dtype.kind != "f":
        merged = merged.astype(np.float32)
    for k in np.flatnonzero(ends - starts > 1):
        merged[k] = array[starts[k] : ends[k]].mean(axis=0)
    return merged


def _check_alike(parts: Sequence[Projections]) -> None:
    """One detector, one quantity, the same fields."""
    first = parts[0]
    for number, part in enumerate(parts[1:], start=1):
        where = f"part {number}"
        if part.quantity != first.quantity:
            raise InputError("quantities differ", where=where, expected=first.quantity, got=part.quantity)
        expected, got = _detector(first.geometry), _detector(part.geometry)
        if expected[:3] != got[:3] or not np.allclose(expected[3:], got[3:], rtol=1e-6):
            raise InputError("detectors differ", where=where, expected=expected, got=got)
        if part.water_attenuation != first.water_attenuation:
            raise InputError("attenuations of water differ", where=where, expected=first.water_attenuation,
                             got=part.water_attenuation)  # fmt: skip
        if not (_same_field(first.dark, part.dark) and _same_field(first.flat, part.flat)):
            raise InputError("dark or flat fields differ", where=where, do="turn each into line integrals first")


def _detector(scan: ScanGeometry) -> tuple[str | int | float, ...]:
    """Beam and shape, rows, columns, and in mm the row spacing, the column spacing and the distance from the source."""
    distance = 0.0 if scan.beam == "parallel" else np.linalg.norm(scan.detector - scan.source, axis=1).mean()
    spacings = (scan.row_spacing.mean(), scan.column_spacing.mean(), distance)
    beam = f"{scan.beam}, cylindrical" if scan.is_cylindrical else scan.beam
    return beam, scan.n_rows, scan.n_columns, *(float(v) for v in spacings)


def _same_field(ours: Array | None, theirs: Array | None) -> bool:
    if ours is None or theirs is None:
        return ours is theirs
    return np.array_equal(to_host(ours), to_host(theirs))


def _check_poses(scan: ScanGeometry, same: HostArray, tolerance_mm: float, tolerance_rad: float) -> None:
    """Views of one angle must stand at one place, up to what their angles may differ by."""
    again = np.flatnonzero(same)
    for name, pose in scan.poses.items():
        limit = tolerance_mm + tolerance_rad * float(np.linalg.norm(pose, axis=1).max())
        apart = float(np.abs(pose[again] - pose[again - 1]).max(initial=0.0))
        if apart > limit:
            raise InputError(f"views of one angle differ in their {name}", expected=f"{limit:.3g} mm", got=apart)


def _photons(parts: Sequence[Projections], kept: HostArray) -> float | Array | None:
    """The one number of all parts, or an array with those of the ``kept`` views; None where a part knows none."""
    given = [p.photons for p in parts]
    if any(photons is None for photons in given):
        return None
    if all(isinstance(photons, float | int) and photons == given[0] for photons in given):
        return given[0]
    xp = xp_of(parts[0].array)
    arrays = [xp.atleast_3d(xp.asarray(photons, dtype=xp.float32)) for photons in given]
    rows, columns = (max(a.shape[axis] for a in arrays) for axis in (1, 2))
    whole = [xp.broadcast_to(a, (p.geometry.n_views, rows, columns)) for a, p in zip(arrays, parts, strict=True)]
    return xp.concatenate(whole)[kept]
