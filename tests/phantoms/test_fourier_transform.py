"""The transforms of ellipsoids against integrals done by others, and against the exact line integrals of CT."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import j0

from mr_scans import turned
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry
from scanmill.phantoms import Ellipsoid, Phantom, about_z, random_phantom, shepp_logan_2d, shepp_logan_3d
from scanmill.phantoms.fourier_transform import SPACE, EncodedSpace, fourier_transform, section_of

OBLIQUE = turned(25.0, -35.0, 50.0)
EGG = Ellipsoid((4.0, -3.0, 5.0), (12.0, 7.0, 9.0), 1.5, tuple(map(tuple, turned(40.0, 20.0, -65.0))))
AXIAL = EncodedSpace(np.eye(3)[:, :2], np.zeros(3))


@pytest.mark.parametrize("k", [0.0, 1e-6, 0.003, 0.0078, 0.0081, 0.02, 0.13])
def test_a_ball_is_the_radial_integral(k):
    ball = Phantom((Ellipsoid((0.0, 0.0, 0.0), (10.0, 10.0, 10.0), 2.0),))
    expected, _ = quad(lambda r: 2.0 * 4 * math.pi * r * r * np.sinc(2 * k * r), 0, 10, epsabs=1e-10, epsrel=1e-12)
    found = fourier_transform(ball, k * np.array([0.6, 0.0, 0.8]))
    assert found == pytest.approx(expected, rel=1e-10, abs=1e-9)


@pytest.mark.parametrize("k", [0.0, 1e-6, 0.004, 0.02, 0.13])
def test_a_disc_is_the_hankel_integral(k):
    disc = Phantom((Ellipsoid((0.0, 0.0, 0.0), (10.0, 10.0, math.inf), 2.0),))
    expected, _ = quad(lambda r: 2.0 * 2 * math.pi * r * j0(2 * math.pi * k * r), 0, 10, epsabs=1e-10, epsrel=1e-12)
    assert fourier_transform(disc, k * np.array([0.6, 0.8]), AXIAL) == pytest.approx(expected, rel=1e-10, abs=1e-9)


def test_zero_frequency_is_the_content_of_all_ellipsoids():
    expected = sum(e.value * e.volume for e in shepp_logan_3d().ellipsoids)
    assert fourier_transform(shepp_logan_3d(), np.zeros(3)) == pytest.approx(expected, rel=1e-12)


def test_a_turned_and_moved_ellipsoid_is_its_fine_sum():
    n, step = 120, 0.3
    axis = (np.arange(n) - (n - 1) / 2) * step
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3) + EGG.center
    inside = points[EGG.contains(points)]
    k = np.array([[0.0, 0.0, 0.0], [0.02, -0.03, 0.01], [-0.05, 0.01, 0.04]])
    fine = EGG.value * step**3 * np.exp(-2j * np.pi * inside @ k.T).sum(axis=0)
    np.testing.assert_allclose(fourier_transform(Phantom((EGG,)), k), fine, atol=2e-3 * EGG.volume)


@pytest.mark.parametrize("phantom", [Phantom((EGG,)), shepp_logan_3d(30.0), shepp_logan_2d(30.0)])
def test_an_oblique_plane_is_its_fine_sum(phantom):
    space = EncodedSpace(OBLIQUE[:, :2], np.array([2.0, 1.0, -6.0]))
    n, step = 900, 0.1
    axis = (np.arange(n) - (n - 1) / 2) * step
    s = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    values = phantom.values(space.origin + s @ space.axes.T)
    k = np.array([[0.0, 0.0], [0.02, -0.03], [-0.05, 0.04]])
    fine = step**2 * (values * np.exp(-2j * np.pi * k @ s.T)).sum(axis=1)
    np.testing.assert_allclose(fourier_transform(phantom, k, space), fine, atol=3e-3 * abs(values).sum() * step**2)


def test_a_projection_transforms_to_a_line_of_the_plane():
    """The central slice theorem ties k-space to the line integrals that the scanners of CT are tested with."""
    phantom, angle = random_phantom(3, flat=True), 0.7
    scan = ScanGeometry.parallel([angle], n_columns=8192, column_spacing=0.05)
    t = (np.arange(8192) - 8191 / 2) * 0.05
    k = np.array([0.0, 0.004, 0.011, -0.03])
    projected = 0.05 * np.exp(-2j * np.pi * np.outer(k, t)) @ phantom.line_integrals(scan)[0, 0]
    line = np.outer(k, [np.cos(angle), np.sin(angle)])
    np.testing.assert_allclose(fourier_transform(phantom, line, AXIAL), projected, rtol=3e-4)


def test_moving_turns_the_phase():
    k = np.array([[0.02, -0.03, 0.01]])
    moved = fourier_transform(shepp_logan_3d().moved((5.0, -2.0, 3.0)), k)
    expected = fourier_transform(shepp_logan_3d(), k) * np.exp(-2j * np.pi * k @ [5.0, -2.0, 3.0])
    np.testing.assert_allclose(moved, expected, rtol=1e-9)


def test_a_plane_beside_an_ellipsoid_sees_nothing():
    far = EncodedSpace(np.eye(3)[:, :2], np.array([0.0, 0.0, 50.0]))
    assert section_of(EGG, far) is None
    assert not fourier_transform(Phantom((EGG,)), np.zeros((2, 2)), far).any()


def test_what_has_no_end_is_refused():
    cylinder = Ellipsoid((0.0, 0.0, 0.0), (3.0, 2.0, math.inf), 1.0, about_z(30.0))
    with pytest.raises(InputError, match="endless"):
        section_of(cylinder, SPACE)
    with pytest.raises(InputError, match="endless"):
        section_of(cylinder, EncodedSpace(np.eye(3)[:, 1:], np.zeros(3)))
    with pytest.raises(InputError, match="other axes"):
        fourier_transform(shepp_logan_3d(), np.zeros((4, 2)))
    with pytest.raises(InputError, match="axes and an origin"):
        EncodedSpace(np.eye(3)[:, :1], np.zeros(3))
