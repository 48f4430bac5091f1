"""Beam hardening and scatter: against the physics that made the data."""

import numpy as np
import pytest

from scanmill.algorithms.preparation.correction import (
    ScatterKernel,
    WaterPolynomial,
    fit_scatter_kernel,
    remove_scatter,
    water_polynomial,
    water_polynomial_of_scan,
)
from scanmill.algorithms.reconstruction.fbp import fbp
from scanmill.errors import ConvergenceError, InputError
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.phantoms import Ellipsoid, Phantom, PolychromaticPhantom, Spectrum
from scanmill.phantoms.compton import scatter_of_cylinder

TUBE = Spectrum.tube(120.0, aluminium_mm=4.0)
WATER = PolychromaticPhantom({"water": Phantom((Ellipsoid((10.0, 0.0, 0.0), (90.0, 90.0, np.inf), 1.0),))})
SCAN = ScanGeometry.parallel(np.arange(120) * np.pi / 120, 128, 2.0)


def disc(image, radius):
    y, x = np.mgrid[:128, :128] * 2.0 - 127.0
    return image[0][(x - 10) ** 2 + y**2 < radius**2]


def test_cupping_goes():
    grid = VolumeGeometry.centered((1, 128, 128), (2.0, 2.0, 2.0))
    hardened = WATER.projections(SCAN, TUBE, supersampling=4)
    correct = water_polynomial(TUBE.weights, TUBE.attenuation("water"))
    images = [fbp(scan, grid, window="hann").array for scan in (
        hardened, type(hardened)(correct(hardened.array), SCAN))]  # fmt: skip
    cups = [1000 * (disc(i, 80).mean() - disc(i, 20).mean()) / TUBE.effective("water") for i in images]
    assert cups[0] > 12
    assert abs(cups[1]) < 2
    assert disc(images[1], 70).mean() == pytest.approx(TUBE.effective("water"), rel=0.003)


def test_water_of_any_thickness_is_straight():
    correct = water_polynomial(TUBE.weights, TUBE.attenuation("water"))
    lengths = np.linspace(20, 480, 77)
    straight = correct(TUBE.line_integrals({"water": lengths})) / lengths
    np.testing.assert_allclose(straight, correct.water, rtol=4e-3)
    assert correct(np.float32([1.0])).dtype == np.float32


def test_a_scan_of_water_gives_the_same_curve():
    paths = WATER.paths(SCAN)["water"]
    measured = WATER.projections(SCAN, TUBE, dtype=np.float64).array
    noisy = measured + np.random.default_rng(0).normal(0, 0.005, measured.shape)
    found = water_polynomial_of_scan(noisy, paths, water=TUBE.effective("water"))
    true = water_polynomial(TUBE.weights, TUBE.attenuation("water"))
    p = np.linspace(0.2, measured.max(), 30)
    np.testing.assert_allclose(found(p), true(p), rtol=6e-3)
    alone = water_polynomial_of_scan(measured, paths)
    assert alone.water == pytest.approx(TUBE.effective("water"), rel=0.02)


def test_bad_polynomials_are_refused():
    with pytest.raises(InputError, match="does not grow"):
        WaterPolynomial((1.0, -0.4), largest=2.0, water=0.02)
    with pytest.raises(InputError, match="finite"):
        WaterPolynomial((np.nan,), largest=2.0, water=0.02)
    with pytest.raises(InputError, match="too few rays"):
        water_polynomial_of_scan(np.ones(30), np.zeros(30))
    with pytest.raises(InputError, match="length"):
        water_polynomial_of_scan(np.ones(30), np.zeros(29))
    with pytest.raises(InputError, match="spectrum"):
        water_polynomial([1.0, 2.0], [0.02])
    with pytest.raises(InputError, match="degree"):
        water_polynomial([1.0], [0.02], degree=0)


CONE = ScanGeometry.cone(
    [0.0], 24, 16.0, n_rows=16, row_spacing=16.0, source_to_isocenter=600.0, source_to_detector=1000.0
)
PIXEL = (16.0, 16.0)
START = ScatterKernel(1e-6, 1.0, 1.0, 60.0, 0.5, 150.0)


def cylinder(radius, seed):
    return scatter_of_cylinder(CONE, radius_mm=radius, energy_kev=70.0, n_photons=150_000, seed=seed)


@pytest.fixture(scope="module")
def kernel():
    pairs = [cylinder(radius, seed) for radius, seed in ((40.0, 1), (70.0, 2), (110.0, 3))]
    return fit_scatter_kernel([p.primary for p in pairs], [p.scatter for p in pairs], PIXEL, start=START)


@pytest.mark.parametrize("radius", [55.0, 90.0])
def test_a_kernel_of_three_cylinders_holds_for_others(kernel, radius):
    truth = cylinder(radius, 4)
    total = (truth.primary + truth.scatter)[None]
    found = remove_scatter(total, kernel, PIXEL)
    before, after = (np.abs(np.log(p / truth.primary)) for p in (total[0], found.primary[0]))
    behind = truth.primary < 0.3
    assert before[behind].mean() > 0.08
    assert after[behind].mean() < 0.25 * before[behind].mean()
    assert found.scatter_share == pytest.approx(truth.scatter.sum() / total.sum(), rel=0.15)


def test_the_convolution_is_the_sum_over_pixels():
    kernel = ScatterKernel(3e-6, 0.8, 1.2, 30.0, 0.3, 90.0)
    primary = np.random.default_rng(4).uniform(0.05, 0.9, (1, 5, 7))
    source = 3e-6 * 6.0 * 4.0 * primary[0] ** 0.8 * (-np.log(primary[0])) ** 1.2
    r, c = np.mgrid[:5, :7]
    expected = np.zeros((5, 7))
    for i in range(5):
        for j in range(7):
            r2 = ((r - i) * 6.0) ** 2 + ((c - j) * 4.0) ** 2
            expected += source[i, j] * (np.exp(-r2 / 1800) + 0.3 * np.exp(-r2 / 16200))
    np.testing.assert_allclose(kernel(primary, (6.0, 4.0))[0], expected, rtol=1e-9)


def test_bad_kernels_are_refused():
    with pytest.raises(InputError, match="kernel"):
        ScatterKernel(1.0, 1.0, 1.0, -3.0)
    with pytest.raises(ConvergenceError, match="settle"):
        remove_scatter(np.full((1, 8, 8), 0.3), ScatterKernel(1.0, 0.0, 2.0, 60.0), PIXEL, n_iterations=2)
    with pytest.raises(InputError, match="pair"):
        fit_scatter_kernel([], [], PIXEL, start=START)
