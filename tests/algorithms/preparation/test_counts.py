"""Flat, dark, logarithm: exact where there is no noise, finite where there are no photons."""

import numpy as np
import pytest

from scanmill.algorithms.preparation import dead_pixels, line_integrals, transmission
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry
from scanmill.phantoms import Detector, acquire, shepp_logan_2d

SCAN = ScanGeometry.parallel(np.linspace(0, np.pi, 9), n_columns=200, column_spacing=1.1, n_rows=3)


def test_counts_become_the_exact_line_integrals():
    detector = Detector(photons=1e5, gain=2.0, gain_spread=0.05, vignetting=0.4, dark=100.0, poisson=False)
    raw = acquire(shepp_logan_2d(), SCAN, detector, seed=2)
    found = line_integrals(transmission(raw.array, raw.dark, raw.flat))
    np.testing.assert_allclose(found.array, shepp_logan_2d().line_integrals(SCAN), atol=1e-4)
    assert found.n_floored == 0
    assert found.array.dtype == np.float32


def test_integers_are_counts_too():
    counts = np.full((2, 1, 3), 110, np.uint16)
    dark, flat = np.full((1, 3), 10, np.uint16), np.full((1, 3), 210, np.uint16)
    ratio = transmission(counts, dark, flat)
    assert ratio.dtype == np.float32
    np.testing.assert_array_equal(ratio, 0.5)


def test_dead_pixels_are_filled_from_the_live():
    raw = acquire(shepp_logan_2d(), SCAN, Detector(dead_share=0.05, poisson=False), seed=4)
    dead = dead_pixels(raw.dark, raw.flat)
    assert 5 < dead.sum() < 90
    ratio = transmission(raw.array, raw.dark, raw.flat)
    exact = np.exp(-shepp_logan_2d().line_integrals(SCAN))
    np.testing.assert_allclose(ratio[:, ~dead], exact[:, ~dead], atol=1e-6)
    assert np.abs(ratio[:, dead] - exact[:, dead]).mean() < 0.02


def test_starved_pixels_are_floored_and_counted():
    raw = acquire(shepp_logan_2d(), SCAN, Detector(photons=30.0, electronic_noise=2.0), seed=5)
    ratio = transmission(raw.array, raw.dark, raw.flat)
    found = line_integrals(ratio, floor=0.5 / 30)
    assert np.isfinite(found.array).all()
    assert found.array.max() == pytest.approx(np.log(60), rel=1e-6)
    assert found.n_floored == (ratio < 0.5 / 30).sum() > 100


def test_bad_numbers_are_refused():
    counts, dark, flat = np.ones((2, 2, 4), np.float32), np.zeros((2, 4)), np.ones((2, 4))
    broken = counts.copy()
    broken[1, 0, 3] = np.nan
    with pytest.raises(InputError, match=r"counts.*first at \(1, 0, 3\)"):
        transmission(broken, dark, flat)
    with pytest.raises(InputError, match=r"flat field.*finite"):
        transmission(counts, dark, flat * np.inf)
    with pytest.raises(InputError, match="exchanged"):
        transmission(counts, flat, dark)
    with pytest.raises(InputError, match="dark field does not fit"):
        transmission(counts, dark[:1], flat)
    with pytest.raises(InputError, match="transmission holds"):
        line_integrals(broken)
    with pytest.raises(InputError, match="floor"):
        line_integrals(counts, floor=0.0)
