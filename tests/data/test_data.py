"""Arrays fit their geometry, or are refused."""

import numpy as np
import pytest

from scanmill.data import Labels, Projections, Volume
from scanmill.errors import InputError, ResourceError, ScanmillError, SpecError
from scanmill.geometry import ScanGeometry, VolumeGeometry

GRID = VolumeGeometry((2, 3, 4))
SCAN = ScanGeometry.parallel([0.0, 1.0], 5, 1.0, n_rows=3)


def test_an_array_of_another_shape_is_refused():
    for make in (
        lambda: Volume(np.zeros((4, 3, 2)), GRID),
        lambda: Labels(np.zeros((4, 3, 2), np.uint8), GRID),
        lambda: Labels(np.zeros(GRID.shape), GRID),
        lambda: Projections(np.zeros((2, 5, 3)), SCAN),
        lambda: Projections(np.zeros(SCAN.shape), SCAN, dark=np.zeros(5)),
    ):
        with pytest.raises(InputError):
            make()


def test_chosen_views_take_their_poses_along():
    scan = Projections(np.arange(30.0).reshape(SCAN.shape), SCAN, flat=np.ones((3, 5)))
    second = scan.views([1])
    assert second.array.tolist() == scan.array[1:].tolist()
    assert second.geometry.angles == pytest.approx([1.0])
    assert second.flat is scan.flat


def test_other_voxels_keep_grid_and_unit():
    volume = Volume(np.zeros(GRID.shape), GRID, "1/mm")
    assert volume.with_array(np.ones(GRID.shape)).unit == "1/mm"
    assert volume.with_array(np.ones(GRID.shape), "HU").geometry is GRID


def test_an_error_survives_a_trip_between_processes():
    import pickle

    error = InputError("too few views", where="row-7", expected=180, got=12, do="look at the card")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (InputError, str(error))
    assert str(error) == "too few views (row-7): expected 180, got 12; look at the card"


def test_only_the_machine_is_given_another_try():
    assert [e.retryable for e in (InputError, SpecError, ScanmillError, ResourceError)] == [False, False, False, True]
