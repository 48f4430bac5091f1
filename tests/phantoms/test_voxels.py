"""Voxels against volumes, the object's own values and the picture that scikit-image ships."""

import numpy as np
import pytest
from skimage.data import shepp_logan_phantom
from skimage.transform import resize

from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry
from scanmill.phantoms import Ellipsoid, Phantom, about_z, random_phantom, shepp_logan_2d, shepp_logan_3d

TURNED = ((0.8, -0.6, 0.0), (0.6, 0.8, 0.0), (0.0, 0.0, 1.0))


def test_mass_on_a_turned_grid():
    phantom = random_phantom(11, radius_mm=20.0, n_ellipsoids=3)
    grid = VolumeGeometry((44, 60, 60), (1.0, 1.0, 1.0), (-5.9, -41.3, -21.5), TURNED)
    voxels = phantom.voxels(grid, supersampling=3)
    mass = voxels.array.astype(np.float64).sum() * grid.voxel_volume
    assert mass == pytest.approx(sum(e.value * e.volume for e in phantom.ellipsoids), rel=1e-3)
    assert voxels.unit == "1/mm"


@pytest.mark.parametrize("supersampling", [1, 2, 4])
def test_voxels_are_the_mean_of_the_points(supersampling):
    phantom = random_phantom(2, radius_mm=10.0, n_ellipsoids=3)
    grid = VolumeGeometry((9, 10, 11), (1.5, 2.0, 2.5), (-7.0, -9.0, -10.0), TURNED)
    steps = (np.arange(supersampling) + 0.5) / supersampling - 0.5
    fine = np.zeros(grid.shape)
    z, y, x = np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij")
    for dz in steps:
        for dy in steps:
            for dx in steps:
                fine += phantom.values(grid.to_points(np.stack([x + dx, y + dy, z + dz], axis=-1)))
    voxels = phantom.voxels(grid, supersampling=supersampling, dtype=np.float64)
    np.testing.assert_allclose(voxels.array, fine / supersampling**3, atol=1e-12)


def test_shepp_logan_looks_like_the_textbook():
    """Row 0 on top, the three small tumours below, the wide dark ventricle on the left."""
    grid = VolumeGeometry.centered((1, 400, 400), (0.5, 0.5, 0.5))
    ours = shepp_logan_2d(unit=1.0).voxels(grid).array[0]
    book = shepp_logan_phantom()
    assert np.abs(ours - book).mean() < 0.01
    assert np.corrcoef(ours.ravel(), book.ravel())[0, 1] > 0.97
    for mistake in (ours[::-1], ours[:, ::-1]):
        assert np.abs(mistake - book).mean() > 2 * np.abs(ours - book).mean()


def test_shepp_logan_3d_shows_its_ventricles_at_the_books_plane():
    grid = VolumeGeometry((1, 128, 128), (1.6, 1.6, 1.6), (-101.6, -101.6, -25.0))
    plane = shepp_logan_3d(unit=1.0).voxels(grid, supersampling=2).array[0]
    book = resize(shepp_logan_phantom(), (128, 128), anti_aliasing=True)
    ventricles = np.s_[44:84, 34:94]
    assert np.corrcoef(plane[ventricles].ravel(), book[ventricles].ravel())[0, 1] > 0.9
    assert np.corrcoef(plane[:, ::-1][ventricles].ravel(), book[ventricles].ravel())[0, 1] < 0.8
    np.testing.assert_allclose(plane[64, 50], 0.0, atol=1e-6)


def test_what_lies_outside_the_grid_is_left_out():
    ball = Phantom((Ellipsoid((100.0, 0.0, 0.0), (5.0, 5.0, 5.0), 1.0, about_z(10.0)),))
    assert ball.voxels(VolumeGeometry.centered((4, 4, 4))).array.max() == 0
    with pytest.raises(InputError, match="supersampling"):
        ball.voxels(VolumeGeometry.centered((4, 4, 4)), supersampling=0)
