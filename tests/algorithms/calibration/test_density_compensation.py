"""Density compensation against closed forms, the three ways against each other, and by the image that it gives."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from scanmill.algorithms.calibration.density_compensation import density_compensation
from scanmill.algorithms.calibration.density_compensation_radial import radial_density_compensation
from scanmill.algorithms.calibration.density_compensation_voronoi import voronoi_density_compensation
from scanmill.errors import ConvergenceError, InputError, SpecError
from scanmill.geometry import Trajectory, VolumeGeometry
from scanmill.operators.nufft import NufftOp
from scanmill.phantoms import shepp_logan_2d
from scanmill.phantoms.kspace import acquire_kspace

MATRIX = 64
RADIAL = Trajectory.radial(120, 128, matrix=MATRIX).points[0, 0]
GOLDEN = Trajectory.golden_angle(233, 128, matrix=MATRIX).points[0, 0]
SPIRAL = Trajectory.spiral(20, 3000, matrix=MATRIX, n_turns=2.0).points[0, 0]


def gap(weights, truth, inside):
    return np.linalg.norm((weights - truth)[inside]) / np.linalg.norm(truth[inside])


def middle(points, rim=0.9):
    """Between the centre and the rim, where the ways differ in their conventions."""
    radii = np.linalg.norm(points, axis=-1)
    return (radii > 1) & (radii < rim * radii.max())


def test_a_full_grid_counts_ones():
    grid = Trajectory.cartesian(np.ones((16, 12), bool)).points[0, 0]
    weights = density_compensation(grid, (1, 16, 12)).reshape(16, 12)
    np.testing.assert_allclose(weights[2:-2, 2:-2], 1.0, atol=0.01)


@pytest.mark.parametrize(("points", "iterated"), [(RADIAL, 0.03), (GOLDEN, 0.09)], ids=["even angles", "golden angles"])
def test_on_spokes_all_ways_give_the_ramp(points, iterated):
    """Uneven golden angles that are closer than Nyquist's distance look even through the field of view."""
    ramp = radial_density_compensation(points)
    assert gap(voronoi_density_compensation(points), ramp, middle(points)) < 2e-3
    assert gap(density_compensation(points, (1, MATRIX, MATRIX)), ramp, middle(points)) < iterated


def test_the_ramp_adds_up_to_the_disc():
    assert radial_density_compensation(RADIAL).sum() == pytest.approx(np.pi * (MATRIX / 2) ** 2, rel=1e-3)
    half = RADIAL[:, 64:]
    both = np.concatenate([half, -half])
    inside = radial_density_compensation(both)[:120, 1:]
    np.testing.assert_allclose(inside, radial_density_compensation(RADIAL)[:, 65:], rtol=1e-9)
    np.testing.assert_allclose(voronoi_density_compensation(both)[:120, 1:-3], inside[:, :-3], rtol=2e-3)


def test_in_space_the_ramp_is_a_parabola():
    points = Trajectory.radial_3d(1500, 32, matrix=16, order="golden_means").points[0, 0]
    ramp = radial_density_compensation(points)
    assert ramp.sum() == pytest.approx(4 / 3 * np.pi * 8**3, rel=0.1)
    ratio = density_compensation(points, (16, 16, 16), n_iterations=5) / ramp
    radii = np.linalg.norm(points, axis=-1)
    for radius in range(1, 7):
        assert ratio[abs(radii - radius) < 0.01].mean() == pytest.approx(1.0, abs=0.04)


def test_on_spirals_two_ways_agree():
    cells = voronoi_density_compensation(SPIRAL)
    assert gap(density_compensation(SPIRAL, (1, MATRIX, MATRIX)), cells, middle(SPIRAL)) < 0.09
    assert cells.sum() == pytest.approx(np.pi * (MATRIX / 2) ** 2, rel=0.04)


@pytest.mark.parametrize("points", [RADIAL, SPIRAL], ids=["radial", "spiral"])
@pytest.mark.parametrize("way", ["iterated", "cells"])
def test_the_gridded_image_of_a_phantom_has_its_values(points, way):
    """From the exact Fourier transform of the phantom, which no NUFFT made."""
    geometry = VolumeGeometry.centered((1, MATRIX, MATRIX), (3.0, 3.0, 5.0))
    phantom = shepp_logan_2d(0.45 * 3.0 * MATRIX)
    scan = acquire_kspace(phantom, geometry, trajectory=Trajectory(points[None, None]))
    weights = {
        "iterated": lambda: density_compensation(points, (1, MATRIX, MATRIX)),
        "cells": lambda: voronoi_density_compensation(points),
    }[way]()
    op = NufftOp(points, (1, 1, 1, MATRIX, MATRIX))
    image = op.H(weights * scan.array[0])[0, 0].real
    truth = phantom.voxels(geometry, supersampling=5).array
    smooth = [gaussian_filter(x[0], 1.5) for x in (image, truth)]
    assert np.linalg.norm(smooth[0] - smooth[1]) < 0.09 * np.linalg.norm(smooth[1])


def test_samples_at_the_same_point_share_its_cell():
    points = SPIRAL[:, ::10]
    once = voronoi_density_compensation(points)
    shared = voronoi_density_compensation(np.concatenate([points, points[:1]]))
    np.testing.assert_allclose(shared[0, 1:], once[0, 1:] / 2)
    np.testing.assert_allclose(shared[1, 1:], once[1, 1:])


def test_fewer_iterations_are_further_from_even_density():
    def unevenness(n):
        w = density_compensation(SPIRAL, (1, MATRIX, MATRIX), n_iterations=n, tolerance=0)
        return abs(density_compensation(SPIRAL, (1, MATRIX, MATRIX), n_iterations=n + 1, tolerance=0) / w - 1).mean()

    assert unevenness(1) > unevenness(4) > unevenness(12)


@pytest.mark.parametrize(
    "ways",
    [
        density_compensation,
        lambda k, shape: voronoi_density_compensation(k),
        lambda k, _: radial_density_compensation(k),
    ],
    ids=["iterated", "cells", "ramp"],
)
@pytest.mark.parametrize("points", [np.zeros((4, 2)), np.full((3, 4, 2), np.nan), np.zeros((3, 4, 1))])
def test_points_of_another_shape_are_refused(ways, points):
    with pytest.raises(InputError):
        ways(points, (1, 8, 8))


def test_what_is_no_radial_trajectory_is_refused():
    with pytest.raises(InputError, match="spokes"):
        radial_density_compensation(SPIRAL)
    with pytest.raises(InputError, match="line"):
        voronoi_density_compensation(RADIAL[:1])
    with pytest.raises(InputError):
        radial_density_compensation(np.zeros((2, 4, 2)))


def test_knobs_out_of_range_are_refused():
    with pytest.raises(SpecError):
        density_compensation(SPIRAL, (1, MATRIX, MATRIX), n_iterations=0)


def test_a_negative_density_is_told(monkeypatch):
    monkeypatch.setattr(NufftOp, "_apply", lambda op, x: -np.ones(op.out_shape))
    with pytest.raises(ConvergenceError, match="density"):
        density_compensation(SPIRAL, (1, MATRIX, MATRIX))
