"""From a role's files to a value, by its card: the conventions of the raw arrays die here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scanmill.arrays import HostArray
from scanmill.data import KSpace, Labels, Projections, Volume
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry
from scanmill.io.card_files import RoleFiles, ordered
from scanmill.io.card_geometry import MILLIMETRES, volume_geometry
from scanmill.io.card_kspace import read_kspace
from scanmill.io.card_kspace_role import KSpaceRole
from scanmill.io.card_parts import Number, Place, Series
from scanmill.io.card_roles import LabelsRole, ProjectionsRole, VolumeRole

if TYPE_CHECKING:
    from scanmill.io.card import Card

SCAN_AXES = ("view", "row", "column")
GRID_AXES = ("z", "y", "x")


def read_role(card: Card, name: str, files: Mapping[str, Path]) -> Projections | Volume | Labels | KSpace:
    """The value of role ``name``; an InputError says what of the card does not fit the files."""
    role = card.roles[name]
    source = RoleFiles.sort_out(card, role, files)
    if isinstance(role, ProjectionsRole):
        return _read_projections(role, source)
    if isinstance(role, KSpaceRole):
        return read_kspace(role, source)
    return _read_grid(role, source)


def _read_projections(role: ProjectionsRole, source: RoleFiles) -> Projections:
    stored = source.stacked(role.array, stack=role.stack)
    every = ordered(stored, role.axes, SCAN_AXES, source.where)
    scan = scan_geometry(role, source, every.shape)
    array = _scaled(finite_float32(every[slice(*role.view_range)], source.where, "the projections"), role, source)
    dark, flat = (
        _field(role, source, value, array.shape, name) for value, name in ((role.dark, "dark"), (role.flat, "flat"))
    )
    photons = None if role.photons is None else source.number(role.photons, "photons")
    return Projections(array, scan, role.quantity, dark, flat, photons)


def scan_geometry(role: ProjectionsRole, source: RoleFiles, shape: tuple[int, int, int]) -> ScanGeometry:
    """The scan of an array (view, row, column) of that shape, of which only the ``view_range`` is kept."""
    n_views, n_rows, n_columns = shape
    unit = MILLIMETRES[role.length_unit]

    def length(value: Number | None, name: str) -> float:
        if value is None:
            raise InputError(f"the card lacks {name} for this beam", where=source.where)
        return source.number(value, name) * unit

    angles = np.deg2rad(_to_ours(role, kept_angles_deg(role, source, n_views)))
    common = {
        "n_rows": n_rows,
        "axis_column": _along("column", role, source, role.axis_column, n_columns),
        "axis_row": _along("row", role, source, role.axis_row, n_rows),
    }
    columns = (n_columns, length(role.column_spacing, "column_spacing"))
    rows = 1.0 if role.row_spacing is None else length(role.row_spacing, "row_spacing")
    beam = source.word(role.beam)
    if beam == "parallel":
        return ScanGeometry.parallel(angles, *columns, row_spacing=rows, **common)  # type: ignore[arg-type]
    if beam not in ("fan", "cone"):
        raise InputError("unknown beam", where=source.where, expected="parallel, fan or cone", got=beam)
    make = ScanGeometry.fan if beam == "fan" else ScanGeometry.cone
    return make(
        angles,
        *columns,
        row_spacing=rows,
        source_to_isocenter=length(role.source_to_isocenter, "source_to_isocenter"),
        source_to_detector=length(role.source_to_detector, "source_to_detector"),
        **common,  # type: ignore[arg-type]
    )


def kept_angles_deg(role: ProjectionsRole, source: RoleFiles, n_views: int) -> HostArray:
    """The angles of the views that are kept, in degrees, as the file has them; ``n_views`` are stored."""
    angles = stored_angles_deg(role, source, n_views)[slice(*role.view_range)]
    if not len(angles):
        raise InputError("the card's view_range leaves no view", where=source.where, got=role.view_range)
    return angles


def stored_angles_deg(role: ProjectionsRole, source: RoleFiles, n_views: int) -> HostArray:
    """The angles as the file has them, in degrees, without sign and offset; one per view."""
    values = role.angles.values
    if isinstance(values, Series):
        angles = values.start + values.step * np.arange(n_views if values.count is None else values.count)
    elif isinstance(values, Place):
        angles = source.array(values).astype(np.float64).squeeze().reshape(-1)
    else:
        angles = np.asarray(values, dtype=np.float64)
    if len(angles) != n_views:
        raise InputError(
            "wrong number of angles",
            where=source.where,
            expected=n_views,
            got=len(angles),
            do="check `axes` and `angles`",
        )
    if not np.isfinite(angles).all():
        raise InputError("an angle is not a finite number", where=source.where)
    return angles if role.angles.unit == "deg" else np.rad2deg(angles)


def _to_ours(role: ProjectionsRole, angles_deg: HostArray) -> HostArray:
    offset = role.angles.offset if role.angles.unit == "deg" else math.degrees(role.angles.offset)
    return role.angles.sign * angles_deg + offset


def _along(axis: str, role: ProjectionsRole, source: RoleFiles, value: Number | None, n: int) -> float | None:
    """A position on the detector as stored -> in our order."""
    if value is None:
        return None
    position = source.number(value, f"axis_{axis}")
    return n - 1 - position if f"-{axis}" in role.axes else position


def _scaled(array: HostArray, role: ProjectionsRole | VolumeRole, source: RoleFiles) -> HostArray:
    return array if role.scale == 1.0 else array * np.float32(source.number(role.scale, "scale"))


def _field(
    role: ProjectionsRole,
    source: RoleFiles,
    value: Number | tuple[Place, ...] | None,
    shape: tuple[int, ...],
    name: str,
) -> HostArray | None:
    """A dark or flat field (row, column): the mean of its frames in float64, and of several places."""
    if value is None:
        return None
    if isinstance(value, tuple):
        fields = [_field(role, source, place, shape, name) for place in value]
        return np.asarray(np.mean(np.stack(fields), axis=0, dtype=np.float64), np.float32)  # type: ignore[arg-type]
    if not isinstance(value, Place):
        return np.full(shape[1:], source.number(value, name), dtype=np.float32)
    frames = source.array(value)
    axes = tuple(axis for axis in role.axes if axis.removeprefix("-") != "view")
    if frames.ndim >= len(role.axes):
        axes = tuple("view" if axis.removeprefix("-") == "view" else axis for axis in role.axes)
    mean = ordered(frames, axes, SCAN_AXES, source.where).mean(axis=0, dtype=np.float64)
    if mean.shape != shape[1:]:
        raise InputError(f"the {name} field does not fit", where=source.where, expected=shape[1:], got=mean.shape)
    return finite_float32(mean, source.where, f"the {name} field")


def _read_grid(role: VolumeRole | LabelsRole, source: RoleFiles) -> Volume | Labels:
    stored = source.stacked(role.array, stack=role.stack)
    array = np.ascontiguousarray(ordered(stored, role.axes, GRID_AXES, source.where))
    grid = volume_geometry(role, source, array.shape)
    if isinstance(role, VolumeRole):
        return Volume(_scaled(finite_float32(array, source.where, "the image"), role, source), grid, role.unit)
    if role.threshold is not None:
        return Labels((array > role.threshold).astype(np.uint8), grid, role.names)
    if array.dtype.kind not in "iub":
        raise InputError("labels must be integers", where=source.where, got=array.dtype, do="give a `threshold`")
    return Labels(array.astype(np.uint8) if array.dtype.kind == "b" else array, grid, role.names)


def finite_float32(array: HostArray, where: str, what: str) -> HostArray:
    """``array`` as contiguous float32; NaN, Inf or complex numbers are refused and the first one is named."""
    if array.dtype.kind == "c":
        raise InputError(f"{what} must be real", where=where, got=array.dtype)
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(array, dtype=np.float32)
    bad = ~np.isfinite(values)
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        raise InputError(
            f"{what} must be finite",
            where=where,
            expected="no NaN or Inf",
            got=f"{bad.sum()} of them, first at {first}",
        )
    return values
