"""What the views of a DICOM-CT-PD scan must agree on: the detector with its pixels, the poses with one helix."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.io.ctpd_table import PHI, ViewTable, Z
from scanmill.io.ctpd_tags import OPTIONAL, Value

SHIFTS = ("SourceAngularPositionShift", "SourceAxialPositionShift", "SourceRadialDistanceShift")
MODES = {"FFSNONE": (), "FFSZ": ("z",), "FFSXY": ("xy",), "FFSXYZ": ("xy", "z")}
POSITIVE = (
    "DetectorElementTransverseSpacing", "DetectorElementAxialSpacing", "NumberofDetectorRows",
    "NumberofDetectorColumns", "DetectorFocalCenterRadialDistance", "ConstantRadialDistance",
    "NumberofSourceAngularSteps", "WaterAttenuationCoefficient", "HUCalibrationFactor",
)  # fmt: skip
CORRECTIONS = [name for name in OPTIONAL if name.endswith("CorrectionFlag")]
JUMP = 0.5
"""How far a step of the angle may be from the usual one, as a part of it."""
STEP_TOLERANCE = 0.01
PITCH_TOLERANCE = 0.02
FEW_VIEWS = 3


def check_detector(scan: Mapping[str, Value]) -> list[str]:
    """Refuse a detector that contradicts the pixels, and whatever else no rule covers; warnings."""
    rows, columns = scan["NumberofDetectorRows"], scan["NumberofDetectorColumns"]
    if (rows, columns) not in ((scan["Rows"], scan["Columns"]), (scan["Columns"], scan["Rows"])):
        raise InputError(
            "Rows and Columns contradict NumberofDetectorRows and NumberofDetectorColumns",
            expected=f"{rows} and {columns}, in either order",
            got=f"{scan['Rows']} and {scan['Columns']}",
        )
    if rows == columns:
        raise InputError("a square detector does not say which axis of the pixels is which", got=f"{rows} x {columns}")
    if scan["BitsAllocated"] != 16 or scan["PixelRepresentation"] not in (0, None):
        raise InputError("pixels must be unsigned 16-bit", got=f"BitsAllocated {scan['BitsAllocated']}")
    if scan["LogFlag"] != "YES":
        raise InputError("LogFlag is not YES: the pixels are no line integrals", expected="YES", got=scan["LogFlag"])
    if scan["FlyingFocalSpotMode"] not in MODES:
        raise InputError("unknown FlyingFocalSpotMode", expected=" or ".join(MODES), got=scan["FlyingFocalSpotMode"])
    if scan["TypeofProjectionGeometry"] not in ("FANBEAM", None):
        raise InputError("no rules for this TypeofProjectionGeometry", expected="FANBEAM",
                         got=scan["TypeofProjectionGeometry"])  # fmt: skip
    for name in POSITIVE:
        if scan[name] is not None and not float(scan[name]) > 0:  # type: ignore[arg-type]
            raise InputError(f"{name} must be positive", got=scan[name])
    raw = [flag.removesuffix("CorrectionFlag") for flag in CORRECTIONS if scan[flag] == "NO"]
    return [f"the files say that these were not corrected: {', '.join(raw)}"] if raw else []


def check_trajectory(table: ViewTable) -> list[str]:
    """Refuse views that do not follow one another along one helix; what is only doubtful is returned as warnings."""
    for name, values in table.columns.items():
        if not np.isfinite(values).all():
            raise InputError(f"{name} is not finite", where=_instance(table, ~np.isfinite(values)))
    if (table["RescaleSlope"] <= 0).any():
        raise InputError("RescaleSlope must be positive", where=_instance(table, table["RescaleSlope"] <= 0))
    if table.n_views < FEW_VIEWS:
        raise InputError("too few views for a scan", expected=f"{FEW_VIEWS} or more", got=table.n_views)
    steps = np.diff(np.unwrap(table[PHI]))
    usual = float(np.median(steps))
    off = np.concatenate([[False], np.abs(steps - usual) > JUMP * abs(usual)])
    if usual == 0 or off.any():
        raise InputError(
            "the angle does not grow evenly with InstanceNumber: views missing, out of order, or mixed scans",
            where=_instance(table, off),
            expected=f"steps of {usual:.6g} rad",
        )
    expected = 2 * np.pi / table.number("NumberofSourceAngularSteps")
    mean = abs(float(steps.mean()))
    if abs(mean - expected) > STEP_TOLERANCE * expected:
        raise InputError(
            "the angles contradict NumberofSourceAngularSteps",
            expected=f"{table.scan['NumberofSourceAngularSteps']} views per turn",
            got=f"{2 * np.pi / mean:.6g}",
        )
    return [*_check_axial(table, steps), *_check_shifts(table)]


def _check_axial(table: ViewTable, steps: HostArray) -> list[str]:
    """z must follow the angle: a helix, or a circle."""
    collimation = table.n_rows * table.number("DetectorElementAxialSpacing")
    collimation *= table.number("DetectorFocalCenterRadialDistance") / table.number("ConstantRadialDistance")
    slope = table.feed / (2 * np.pi)
    jumps = np.abs(np.diff(table[Z]) - slope * steps) > 0.5 * collimation
    if jumps.any():
        raise InputError(
            "DetectorFocalCenterAxialPosition jumps: mixed scans", where=_instance(table, np.append(False, jumps))
        )
    return _check_told(table, abs(table.feed) / collimation, collimation / table.n_rows)


def _check_told(table: ViewTable, fitted: float, row: float) -> list[str]:
    """What is said of the helix against its axial positions: the ``fitted`` pitch, and the height of a row in mm."""
    pitch, kind = table.scan["SpiralPitchFactor"], table.scan["TypeofProjectionData"]
    travelled = float(np.ptp(table[Z]))
    warnings = []
    if pitch and abs(fitted - float(pitch)) > PITCH_TOLERANCE * float(pitch):
        warnings.append(f"SpiralPitchFactor says {float(pitch):.4g}, the axial positions {fitted:.4g}")
    if kind is not None and (kind == "HELICAL") != (travelled > row / 2):
        warnings.append(f"TypeofProjectionData says {kind}, the axial positions travel {travelled:.4g} mm")
    return [f"{warning}; the positions are used" for warning in warnings]


def _check_shifts(table: ViewTable) -> list[str]:
    """The focal spot must fly as its mode says."""
    angular, axial, radial = (float(np.ptp(table[name])) for name in SHIFTS)
    moves = {"xy": angular > 1e-6, "z": max(axial, radial) > 1e-3}
    told = MODES[str(table.scan["FlyingFocalSpotMode"])]
    wrong = [direction for direction, moving in moves.items() if moving != (direction in told)]
    return [f"FlyingFocalSpotMode {table.scan['FlyingFocalSpotMode']} and the source's shifts disagree along {w};"
            " the shifts are used" for w in wrong]  # fmt: skip


def _instance(table: ViewTable, wrong: HostArray) -> str | None:
    first = np.flatnonzero(wrong)
    return f"InstanceNumber {table['InstanceNumber'][first[0]]}" if first.size else None
