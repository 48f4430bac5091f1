"""The rules by which DICOM-CT-PD files become a geometry in patient space; here the manual's frame ends.

The manual's frame belongs to the table and is left-handed. Seen from the table, x points right, y up, z away into the
gantry; phi is 0 at 12 o'clock and grows counter-clockwise: x = -rho sin(phi), y = rho cos(phi). With the detector at
6 o'clock, column 1 is the leftmost one and row 1 the farthest.

A supine patient's front is up, so LPS y is -y of the manual. Head first (HFS), who looks from the table looks from
the feet to the head and has the patient's left to the right: LPS x is x, LPS z is z. A source at phi stands at
(-rho sin phi, -rho cos phi), which is our angle -phi; columns grow along +x as ours do at angle 0; rows fall.
Feet first (FFS), right and left change places: our angle is +phi, and columns run against ours. That z is still LPS z
then (the manual's own words give the opposite) rests on one published comparison with a scanner's images (a GE scan,
by the authors of PyTomography); no redundancy in the data can tell, so such a scan carries a warning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry
from scanmill.io.ctpd_table import ViewTable

CentralColumn = Literal["counted from 1", "counted from 0", "counted back from 1", "counted back from 0"]
VENDORS: dict[str, CentralColumn] = {"SIEMENS": "counted from 1", "GE": "counted back from 0"}
"""By the first word of Manufacturer: how DetectorCentralElement counts the columns; back is from the last one.

The manual counts from 1. GE's tag (444.75 of 888 columns) counts back from 0: 887 - 444.75 = 442.25 is the zero-based
column, 1.25 off the middle, which is the offset published for this detector (IEEE Trans. Med. Imaging 25 (2006) 1272).
The authors of PyTomography found the same in two scans whose half turns coincide only so (as 443.25, counted from 1).
"""
POSITIONS = {"HFS": (-1, 1), "FFS": (1, -1)}
"""By PatientPosition: the sign of our angle over phi, and that of our columns over the file's."""
SHAPES: dict[str, Any] = {"CYLINDRICAL": "cylindrical", "FLAT": "flat"}
DOUBTFUL = {"FFS": "feet first: the direction of z rests on one published comparison; check one scan of this scanner"}


@dataclass(frozen=True)
class Rules:
    """How the tags are read: what counts as the first column and row, signs of ours over the file's, and factors of
    the focal spot's shifts."""

    central_column: CentralColumn
    rotation: int
    columns: int
    central_row: int = 1
    rows: int = -1
    axial: int = 1
    spot_angular: float = 1.0
    spot_axial: float = 1.0
    spot_radial: float = 1.0


def rules_of(table: ViewTable) -> Rules:
    """The rules for a scan's Manufacturer and PatientPosition; InputError where there are none."""
    vendor = str(table.scan["Manufacturer"]).upper().partition(" ")[0]
    position = str(table.scan["PatientPosition"])
    if vendor not in VENDORS:
        raise InputError("no rules for this Manufacturer", expected=" or ".join(VENDORS), got=vendor)
    if position not in POSITIONS:
        raise InputError("no rules for this PatientPosition", expected=" or ".join(POSITIONS), got=position)
    rotation, columns = POSITIONS[position]
    return Rules(VENDORS[vendor], rotation, columns)


def scan_geometry(table: ViewTable, rules: Rules) -> ScanGeometry:
    """The true poses of focal spot and detector; arrays must stand as :func:`oriented` turns them."""
    n_columns, n_rows = table.n_columns, table.n_rows
    axis_column = _central_column(table, rules.central_column)
    axis_row = table.number("DetectorCentralElementRow") - rules.central_row
    shape = str(table.scan["DetectorShape"])
    if shape not in SHAPES:
        raise InputError("no rules for this DetectorShape", expected=" or ".join(SHAPES), got=shape)
    scan = ScanGeometry.helical(
        rules.rotation * np.unwrap(table["DetectorFocalCenterAngularPosition"]),
        rules.axial * table["DetectorFocalCenterAxialPosition"],
        n_columns,
        table.number("DetectorElementTransverseSpacing"),
        n_rows=n_rows,
        row_spacing=table.number("DetectorElementAxialSpacing"),
        source_to_isocenter=table.number("DetectorFocalCenterRadialDistance"),
        source_to_detector=table.number("ConstantRadialDistance"),
        axis_column=axis_column if rules.columns > 0 else n_columns - 1 - axis_column,
        axis_row=axis_row if rules.rows > 0 else n_rows - 1 - axis_row,
        detector_shape=SHAPES[shape],
    )
    return scan.with_focal_spot(
        angular=rules.rotation * rules.spot_angular * table["SourceAngularPositionShift"],
        axial=rules.axial * rules.spot_axial * table["SourceAxialPositionShift"],
        radial=rules.spot_radial * table["SourceRadialDistanceShift"],
    )


def _central_column(table: ViewTable, counted: CentralColumn) -> float:
    """Zero-based, in the file's order of columns."""
    tag, n_columns = table.number("DetectorCentralElementColumn"), table.n_columns
    columns = {
        "counted from 1": tag - 1,
        "counted from 0": tag,
        "counted back from 1": n_columns - tag,
        "counted back from 0": n_columns - 1 - tag,
    }
    return columns[counted]


def oriented(array: Any, rules: Rules) -> Any:
    """An array (view, row, column) of the file as our geometry has it: no copy."""
    return array[:, :: rules.rows, :: rules.columns]
