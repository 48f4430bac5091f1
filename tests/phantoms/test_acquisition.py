"""Counts: their statistics, their fields, their faults, and that a seed is a promise."""

import numpy as np
import pytest

from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry
from scanmill.phantoms import Detector, acquire, detect, shepp_logan_2d

SCAN = ScanGeometry.parallel(np.linspace(0, np.pi, 12, endpoint=False), n_columns=128, column_spacing=2.0, n_rows=2)
NOISY = Detector(photons=5e3, gain=2.0, gain_spread=0.02, vignetting=0.2, dark=50.0, electronic_noise=3.0)


def test_same_seed_same_bytes():
    first, second, other = (acquire(shepp_logan_2d(), SCAN, NOISY, seed=seed) for seed in (4, 4, 5))
    for name in ("array", "dark", "flat"):
        assert getattr(first, name).tobytes() == getattr(second, name).tobytes()
        assert getattr(first, name).tobytes() != getattr(other, name).tobytes()


def test_without_noise_the_logarithm_gives_the_integrals_back():
    detector = Detector(photons=1e4, gain=3.0, gain_spread=0.05, vignetting=0.3, dark=40.0, poisson=False)
    raw = acquire(shepp_logan_2d(), SCAN, detector, seed=1)
    integrals = -np.log((raw.array.astype(np.float64) - raw.dark) / (raw.flat.astype(np.float64) - raw.dark))
    np.testing.assert_allclose(integrals, shepp_logan_2d().line_integrals(SCAN), atol=2e-4)


def test_noise_has_the_variance_of_poisson_and_electronics():
    air = ScanGeometry.parallel(np.zeros(200), n_columns=100, column_spacing=1.0)
    blank = shepp_logan_2d().moved((1e4, 0.0, 0.0)).projections(air)
    raw = detect(blank, Detector(photons=400.0, gain=2.0, dark=30.0, electronic_noise=5.0, n_fields=500), seed=9)
    spread = (raw.array - raw.array.mean(axis=0)).astype(np.float64)
    assert (spread**2).mean() * 200 / 199 == pytest.approx(2.0**2 * 400 + 25, rel=0.03)
    assert raw.array.mean() == pytest.approx(2.0 * 400 + raw.dark.mean(), rel=0.005)
    assert raw.flat.mean() == pytest.approx(raw.array.mean(), rel=0.005)
    assert raw.dark.mean() == pytest.approx(30, rel=0.05)
    assert raw.photons == 400.0


def test_vignetting_and_dead_pixels():
    raw = acquire(shepp_logan_2d(), SCAN, Detector(vignetting=0.4, dead_share=0.1, poisson=False), seed=3)
    dead = raw.flat == 0
    assert 0.02 < dead.mean() < 0.2
    assert (raw.array[:, dead] == 0).all()
    live = raw.flat[0][~dead[0]]
    assert live.min() < 0.85 * live.max()


@pytest.mark.parametrize("beam", ["parallel", "fan"])
def test_a_wrong_centre_moves_the_axis_but_not_the_words(beam):
    angles = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    far = {"source_to_isocenter": 500.0, "source_to_detector": 800.0}

    def scan(**axis):
        if beam == "parallel":
            return ScanGeometry.parallel(angles, 128, 2.0, **axis)
        return ScanGeometry.fan(angles, 128, 3.0, **far, **axis)

    raw = acquire(shepp_logan_2d(), scan(), seed=0, axis_shift_columns=2.5)
    assert raw.geometry.is_close(scan())
    expected = acquire(shepp_logan_2d(), scan(axis_column=63.5 + 2.5), seed=0)
    np.testing.assert_allclose(raw.array, expected.array, rtol=1e-4)


def test_bad_detectors_and_quantities_are_refused():
    with pytest.raises(InputError, match="photons"):
        Detector(photons=0)
    with pytest.raises(InputError, match="negative"):
        Detector(electronic_noise=-1)
    with pytest.raises(InputError, match="share"):
        Detector(dead_share=1.0)
    raw = acquire(shepp_logan_2d(), SCAN, seed=0)
    with pytest.raises(InputError, match="line integrals"):
        detect(raw, Detector(), seed=0)
