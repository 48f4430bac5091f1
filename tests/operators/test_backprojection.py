"""Voxel-driven backprojection against SciPy's interpolation at shadows computed from the scanner's definition."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

import laws
from scanmill.errors import InputError, SpecError
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.operators.backprojection import BackprojectionOp

ANGLES = np.linspace(0, 2 * np.pi, 9, endpoint=False) + 0.07
FOCUS = {"source_to_isocenter": 60.0, "source_to_detector": 110.0}
ROWS = {"n_rows": 14, "row_spacing": 1.7}
GRID = VolumeGeometry.centered((7, 11, 13), (1.0, 1.2, 0.9))
CONES = {
    "flat": ScanGeometry.cone(ANGLES, 23, 2.0, **ROWS, **FOCUS),
    "flat, off the middle": ScanGeometry.cone(ANGLES, 23, 2.0, **ROWS, **FOCUS, axis_column=6.2, axis_row=8.1),
    "arc": ScanGeometry.cone(ANGLES, 23, 2.0, **ROWS, **FOCUS, detector_shape="cylindrical"),
    "arc, off the middle": ScanGeometry.cone(
        ANGLES, 23, 2.0, **ROWS, **FOCUS, axis_column=6.2, axis_row=8.1, detector_shape="cylindrical"
    ),
    "helix": ScanGeometry.helical(ANGLES, np.linspace(-4, 4, 9), 23, 2.0, **ROWS, **FOCUS),
    "rows downwards": laws.helix(),
    "a wide arc": ScanGeometry.cone(
        ANGLES, 41, 4.0, n_rows=5, row_spacing=3.0, source_to_isocenter=12.0, source_to_detector=30.0,
        detector_shape="cylindrical",
    ),
}  # fmt: skip


def expected(grid, scan, y, *, weighted=True):
    """Each voxel's ray meets the detector where the definition of the geometry says; SciPy interpolates there."""
    points, total = grid.voxel_points(), np.zeros(grid.shape)
    for view in range(scan.n_views):
        source, column, row = scan.source[view], scan.column_step[view], scan.row_step[view]
        if scan.beam == "fan":  # the focal spot of each slice
            source = source + (np.arange(scan.n_rows)[:, None, None, None] - (scan.n_rows - 1) / 2) * row
        along = points - source
        normal = np.cross(row, column) / np.linalg.norm(column) / np.linalg.norm(row)
        depth, home = along @ normal, -scan.source[view] @ normal
        if scan.arc_center is None:
            hit = source + along * ((scan.detector[view] - source) @ normal / depth)[..., None]
            u = (hit - scan.detector[view]) @ column / (column @ column)
            distance = depth / home
        else:
            radius = np.linalg.norm(scan.detector[view] - scan.arc_center[view])
            across = along @ column / np.linalg.norm(column)
            u = np.arctan2(across, depth) * radius / np.linalg.norm(column)
            hit = source + along * (radius / np.hypot(across, depth))[..., None]
            distance = np.hypot(across, depth) / np.hypot(source @ column / np.linalg.norm(column), home)
        v = (hit - scan.detector[view]) @ row / (row @ row)
        at = [v + (scan.n_rows - 1) / 2, u + (scan.n_columns - 1) / 2]
        total += map_coordinates(y[view], at, order=1, mode="grid-constant") / (distance**2 if weighted else 1)
    return total


def check(grid, scan, ownership):
    y = laws.noise(scan.shape, np.float64)
    for weighted in (True, False):
        truth = expected(grid, scan, y, weighted=weighted)
        for dtype, within in ((np.float64, 1e-7), (np.float32, 1e-5)):
            op = BackprojectionOp(grid, scan, distance_weighted=weighted, dtype=dtype, ownership=ownership)
            got = op(y.astype(dtype))
            assert got.dtype == dtype
            assert np.linalg.norm(got - truth) <= within * np.linalg.norm(truth)


@pytest.mark.parametrize("ownership", ["columns", "voxels"])
@pytest.mark.parametrize("name", CONES)
def test_cones(name, ownership):
    check(GRID, CONES[name], ownership)


@pytest.mark.parametrize("ownership", ["rows", "voxels"])
@pytest.mark.parametrize("shape", ["flat", "cylindrical"])
def test_stacks_of_fans(shape, ownership):
    scan = ScanGeometry.fan(ANGLES, 23, 1.7, n_rows=7, row_spacing=0.9, **FOCUS, axis_column=9.4, detector_shape=shape)
    check(GRID, scan, ownership)


def test_a_turned_and_shifted_grid():
    check(laws.GRID, laws.cone(1.0), "columns")
    check(laws.GRID, laws.arc("cone", 1.0), "columns")
    check(laws.GRID, laws.arc("fan", 1.0), "rows")


def test_an_upright_detector_on_upright_voxels_is_done_by_columns_and_a_tilted_one_voxel_by_voxel():
    assert BackprojectionOp(GRID, CONES["arc"]).ownership == "columns"
    assert BackprojectionOp(GRID, laws.tilted(CONES["flat"])).ownership == "voxels"
    check(GRID, laws.tilted(CONES["flat"]), None)
    check(GRID, laws.leaning(CONES["arc, off the middle"]), None)
    with pytest.raises(SpecError, match="voxels"):
        BackprojectionOp(GRID, laws.tilted(CONES["flat"]), ownership="columns")


def test_a_focal_spot_beside_the_centre_of_the_arc_is_refused_and_one_above_it_taken():
    with pytest.raises(InputError, match="focal spot"):
        BackprojectionOp(GRID, CONES["arc"].with_focal_spot(angular=0.01))
    check(GRID, CONES["arc"].with_focal_spot(axial=1.3), "columns")


def test_a_voxel_that_no_view_sees_stays_zero():
    scan = CONES["arc"]
    far = replace(GRID, origin=(GRID.origin[0], GRID.origin[1], 25.0))
    assert not BackprojectionOp(far, scan)(np.ones(scan.shape, np.float32)).any()
