"""Rays of a scanner, checked against the textbook's closed forms."""

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
    ],
)
def test_impossible_scanners_are_refused(wrong):
    with pytest.raises(InputError):
        wrong()
