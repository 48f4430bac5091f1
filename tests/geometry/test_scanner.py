"""Rays of a scanner, checked against the textbook's closed forms."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry

angles = st.lists(st.floats(-7, 7), min_size=1, max_size=5)
CONE = {"source_to_isocenter": 500.0, "source_to_detector": 900.0}


@given(angles, st.integers(1, 9), st.floats(0.1, 5), st.floats(-3, 12))
def test_a_parallel_ray_keeps_t_of_the_radon_transform(turns, n_columns, spacing, axis):
    scan = ScanGeometry.parallel(turns, n_columns, spacing, axis_column=axis)
    for view, a in enumerate(turns):
        origin, direction = scan.rays(view)
        t = origin[0, :, 0] * np.cos(a) + origin[0, :, 1] * np.sin(a)
        assert t == pytest.approx((np.arange(n_columns) - axis) * spacing, abs=1e-9)
        assert direction[0, 0] == pytest.approx(np.array([-np.sin(a), np.cos(a), 0.0]), abs=1e-12)


@given(angles, st.floats(-3, 12))
def test_the_axis_of_rotation_falls_on_its_column(turns, axis):
    """The ray through the isocentre meets the detector at axis_column, in every view and every beam."""
    for scan in (
        ScanGeometry.fan(turns, 8, 0.7, axis_column=axis, **CONE),
        ScanGeometry.cone(turns, 8, 0.7, n_rows=4, row_spacing=0.9, axis_column=axis, axis_row=2.5, **CONE),
    ):
        for view in range(scan.n_views):
            source, step = scan.source[view], scan.column_step[view]
            hit = source + (0 - source) * CONE["source_to_detector"] / CONE["source_to_isocenter"]
            column = (hit - scan.detector[view]) @ step / (step @ step) + (scan.n_columns - 1) / 2
            assert column == pytest.approx(axis, abs=1e-9)


def test_distances_and_magnification_are_those_asked_for():
    scan = ScanGeometry.cone([0.3, 2.0], 11, 0.5, n_rows=7, row_spacing=0.25, **CONE)
    assert np.linalg.norm(scan.source, axis=1) == pytest.approx(CONE["source_to_isocenter"])
    assert np.linalg.norm(scan.detector - scan.source, axis=1) == pytest.approx(CONE["source_to_detector"])
    assert scan.column_spacing == pytest.approx(0.5)
    assert scan.row_spacing == pytest.approx(0.25)
    assert scan.pixels(0).shape == (7, 11, 3)
    assert scan.pixels(1)[3, 5] == pytest.approx(scan.detector[1])


def test_the_rows_of_a_fan_are_planes():
    scan = ScanGeometry.fan([0.4], 5, 1.0, n_rows=3, row_spacing=2.0, **CONE)
    origin, direction = scan.rays(0)
    assert direction[..., 2] == pytest.approx(0.0, abs=1e-15)
    assert origin[:, 0, 2] == pytest.approx(np.array([-2.0, 0.0, 2.0]))


def test_at_angle_zero_the_source_is_above_a_supine_patient():
    """LPS: -y is anterior."""
    scan = ScanGeometry.fan([0.0], 5, 1.0, **CONE)
    assert scan.source[0].tolist() == [0.0, -500.0, 0.0]
    assert scan.column_step[0].tolist() == [1.0, 0.0, 0.0]


@given(angles)
def test_angles_come_back(turns):
    found = ScanGeometry.parallel(turns, 3, 1.0).angles
    assert np.exp(1j * found) == pytest.approx(np.exp(1j * np.asarray(turns)))


def test_views_can_be_chosen_and_stored():
    scan = ScanGeometry.fan(np.linspace(0, 6, 7), 5, 1.0, **CONE)
    assert scan.views(slice(0, None, 3)).n_views == 3
    assert scan.views([6, 0]).angles == pytest.approx(scan.angles[[6, 0]])
    assert scan.views(scan.angles > 0).n_views == int((scan.angles > 0).sum())
    assert ScanGeometry.from_dict(scan.to_dict()).is_close(scan)
    assert not scan.is_close(ScanGeometry.fan(np.linspace(0, 6, 7), 5, 1.001, **CONE))


def test_poses_cannot_be_changed_behind_our_back():
    scan = ScanGeometry.parallel([0.0], 3, 1.0)
    with pytest.raises(ValueError, match="read-only"):
        scan.source[0, 0] = 1.0


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: ScanGeometry.parallel([], 3, 1.0),
        lambda: ScanGeometry.parallel([0.0, np.nan], 3, 1.0),
        lambda: ScanGeometry.parallel([0.0], 0, 1.0),
        lambda: ScanGeometry.parallel([0.0], 3, -1.0),
        lambda: ScanGeometry.fan([0.0], 3, 1.0, source_to_isocenter=900, source_to_detector=500),
        lambda: ScanGeometry("helix", *[np.zeros((1, 3))] * 4, 1, 1),
        lambda: ScanGeometry("cone", np.zeros((2, 3)), *[np.zeros((1, 3))] * 3, 1, 1),
        lambda: replace(ScanGeometry.parallel([0.0], 3, 1.0), arc_center=np.zeros((1, 3))),
        lambda: replace(ScanGeometry.fan([0.0], 3, 1.0, **CONE), arc_center=np.ones((1, 3))),
        lambda: ScanGeometry.fan([0.0], 3, 1.0, detector_shape="round", **CONE),
        lambda: ScanGeometry.helical([0.0, 1.0], [0.0] * 3, 3, 1.0, n_rows=1, row_spacing=1.0, **CONE),
        lambda: ScanGeometry.parallel([0.0], 3, 1.0).with_focal_spot(axial=1.0),
    ],
)
def test_impossible_scanners_are_refused(wrong):
    with pytest.raises(InputError):
        wrong()


def test_the_columns_of_a_cylinder_lie_at_equal_angles_around_its_center():
    scan = ScanGeometry.cone([0.3, 2.0], 6, 0.9, n_rows=3, row_spacing=0.5, axis_column=1.75, axis_row=0.5,
                             detector_shape="cylindrical", **CONE)  # fmt: skip
    for view, a in enumerate([0.3, 2.0]):
        gamma = (np.arange(6) - 1.75) * 0.9 / 900.0
        x, y = 900.0 * np.sin(gamma), 900.0 * np.cos(gamma) - 500.0  # at angle 0, from the source at (0, -500)
        expected = np.stack([np.cos(a) * x - np.sin(a) * y, np.sin(a) * x + np.cos(a) * y], axis=-1)
        pixels = scan.pixels(view)
        assert pixels[1, :, :2] == pytest.approx(expected)
        assert pixels[:, 0, 2] == pytest.approx((np.arange(3) - 0.5) * 0.5)
    assert np.exp(1j * scan.angles) == pytest.approx(np.exp(1j * np.array([0.3, 2.0])))
    assert scan.column_spacing == pytest.approx(0.9)
    assert ScanGeometry.from_dict(scan.to_dict()).is_close(scan)
    assert not scan.is_close(ScanGeometry.cone([0.3, 2.0], 6, 0.9, n_rows=3, row_spacing=0.5, **CONE))


def test_a_flying_focal_spot_moves_the_source_and_leaves_the_detector():
    scan = ScanGeometry.helical([0.0, 0.5], [1.0, 2.0], 6, 0.9, n_rows=3, row_spacing=0.5, **CONE)
    flown = scan.with_focal_spot(angular=[0.0, 0.01], axial=-0.66, radial=5.45)
    assert [flown.pixels(v).tolist() for v in (0, 1)] == [scan.pixels(v).tolist() for v in (0, 1)]
    a, distance = np.array([0.0, 0.51]), 505.45
    expected = np.stack([distance * np.sin(a), -distance * np.cos(a), np.array([0.34, 1.34])], axis=-1)
    assert flown.source == pytest.approx(expected)
    assert np.exp(1j * flown.angles) == pytest.approx(np.exp(1j * np.array([0.0, 0.5])))
    assert flown.views([1]).arc_center == pytest.approx(scan.arc_center[1:])


@given(st.floats(-3, 3), st.floats(-2, 2), st.sampled_from(["flat", "cylindrical"]))
def test_a_detector_shifted_by_whole_pitches_has_the_same_pixels_elsewhere(columns, rows, shape):
    scan = ScanGeometry.cone([0.7], 8, 0.9, n_rows=4, row_spacing=0.5, detector_shape=shape, **CONE)
    shifted = scan.with_detector_shift(columns=0.9 * columns, rows=0.5 * rows)
    moved = ScanGeometry.cone([0.7], 8, 0.9, n_rows=4, row_spacing=0.5, detector_shape=shape,
                              axis_column=3.5 - columns, axis_row=1.5 - rows, **CONE)  # fmt: skip
    assert shifted.is_close(moved)
    assert shifted.pixels(0) == pytest.approx(moved.pixels(0))


def test_a_helix_climbs_with_its_detector():
    z = np.array([-4.0, 0.0, 7.5])
    scan = ScanGeometry.helical([0.0, 1.0, 2.0], z, 5, 1.0, n_rows=2, row_spacing=2.0, detector_shape="flat", **CONE)
    assert not scan.is_cylindrical
    assert scan.source[:, 2] == pytest.approx(z)
    assert scan.detector[:, 2] == pytest.approx(z)
