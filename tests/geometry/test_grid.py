"""Voxels in patient space, checked against ITK."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.transform import Rotation

from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry

sitk = pytest.importorskip("SimpleITK")

sizes = st.tuples(*[st.integers(1, 6)] * 3)
lengths = st.tuples(*[st.floats(0.05, 20)] * 3)
points = st.tuples(*[st.floats(-500, 500)] * 3)
directions = st.integers(0, 10_000).map(lambda seed: Rotation.random(rng=seed).as_matrix())


@st.composite
def grids(draw):
    rows = tuple(map(tuple, draw(directions)))
    return VolumeGeometry(draw(sizes), draw(lengths), draw(points), rows)


def itk_image(grid):
    image = sitk.Image(list(reversed(grid.shape)), sitk.sitkUInt8)
    image.SetSpacing(grid.spacing)
    image.SetOrigin(grid.origin)
    image.SetDirection(np.ravel(grid.direction).tolist())
    return image


@given(grids(), st.tuples(*[st.floats(-9, 9)] * 3))
def test_indices_map_to_the_physical_points_of_itk(grid, index):
    ours = grid.to_points(index)
    assert ours == pytest.approx(itk_image(grid).TransformContinuousIndexToPhysicalPoint(index), abs=1e-6)
    assert grid.to_indices(ours) == pytest.approx(np.array(index), abs=1e-6)


@given(grids())
def test_a_grid_survives_json(grid):
    assert VolumeGeometry.from_dict(grid.to_dict()) == grid


@given(grids(), st.data())
def test_a_crop_keeps_its_voxels_where_they_were(grid, data):
    starts = [data.draw(st.integers(0, n - 1)) for n in grid.shape]
    stops = [data.draw(st.integers(a + 1, n)) for a, n in zip(starts, grid.shape, strict=True)]
    z, y, x = (slice(a, b) for a, b in zip(starts, stops, strict=True))
    np.testing.assert_allclose(grid.crop(z, y, x).voxel_points(), grid.voxel_points()[z, y, x], atol=1e-6)


@given(hnp.arrays(np.float64, (3, 3), elements=st.floats(-2, 2)))
def test_what_is_no_rotation_is_refused(matrix):
    if np.allclose(matrix @ matrix.T, np.eye(3), atol=1e-3):
        return
    with pytest.raises(InputError, match="orthonormal"):
        VolumeGeometry((1, 1, 1), direction=tuple(map(tuple, matrix)))


@pytest.mark.parametrize(
    "fields",
    [
        {"shape": (0, 1, 1)},
        {"shape": (4, 4)},
        {"shape": (1, 1, 1), "spacing": (1.0, 0.0, 1.0)},
        {"shape": (1, 1, 1), "spacing": (1.0, -1.0, 1.0)},
        {"shape": (1, 1, 1), "origin": (0.0, np.nan, 0.0)},
        {"shape": (1, 1, 1), "spacing": (1.0, 1.0)},
    ],
)
def test_impossible_grids_are_refused(fields):
    with pytest.raises(InputError):
        VolumeGeometry(**fields)


def test_the_middle_of_a_centred_grid_is_the_isocentre():
    grid = VolumeGeometry.centered((3, 4, 5), (1.5, 2.0, 4.0))
    assert grid.to_points([2, 1.5, 1]).tolist() == [0, 0, 0]
    assert grid.extent == (7.5, 8.0, 12.0)
    assert grid.voxel_volume == 12.0


def test_closeness_is_measured_at_the_corners():
    grid = VolumeGeometry.centered((1, 100, 100))
    assert grid.is_close(VolumeGeometry.centered((1, 100, 100), (1.000001, 1.0, 1.0)))
    assert not grid.is_close(VolumeGeometry.centered((1, 100, 100), (1.001, 1.0, 1.0)))
    assert not grid.is_close(VolumeGeometry.centered((1, 100, 99)))
