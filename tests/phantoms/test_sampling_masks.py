"""Sampling masks keep the laws of their names."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from scanmill.errors import SpecError
from scanmill.phantoms.poisson_disc import poisson_disc
from scanmill.phantoms.sampling_masks import caipi, calibration_box, partial_fourier, regular


@pytest.mark.parametrize("n", [24, 25])
def test_zero_frequency_is_always_measured(n):
    for acceleration in (1, 2, 3, 5):
        mask = regular(n, acceleration)
        assert mask[n // 2]
        assert set(np.diff(np.flatnonzero(mask))) == {acceleration}
    assert calibration_box((n, n), (5, 4))[n // 2, n // 2]


@pytest.mark.parametrize("shift", [0, 1, 2])
def test_caipi_aliases_onto_a_shifted_lattice(shift):
    """The point-spread function of a CAIPI lattice has R₁ R₂ peaks of equal height, moved by the shift."""
    psf = abs(np.fft.fft2(np.fft.ifftshift(caipi((24, 24), (2, 3), shift=shift)))) / (24 * 24 / 6)
    peaks = np.argwhere(psf > 0.5)
    assert len(peaks) == 6
    np.testing.assert_allclose(psf[psf > 0.5], 1)
    assert np.isclose(psf, 0, atol=1e-9).sum() == 24 * 24 - 6
    dual = {((-4 * shift * b) % 12 + 12 * a, 8 * b) for a in range(2) for b in range(3)}
    assert {(int(p), int(q)) for p, q in peaks} == dual


def test_partial_fourier_always_passes_the_middle():
    for n in (16, 17):
        for fraction in (0.51, 0.625, 0.75, 1.0):
            mask = partial_fourier(n, fraction)
            assert mask[: n // 2 + 1].all()
            assert mask.sum() == max(np.ceil(fraction * n), n // 2 + 1)


@pytest.mark.parametrize("seed", [0, 7])
def test_a_poisson_disc_keeps_its_distances(seed):
    shape, box = (120, 96), (16, 16)
    mask = poisson_disc(shape, 6.0, seed=seed, calibration=box, slope=2.0)
    assert mask.size / mask.sum() == pytest.approx(6.0, rel=0.02)
    assert mask[calibration_box(shape, box)].all()
    points = np.argwhere(mask & ~calibration_box(shape, box))
    rho = np.hypot(*(2 * points / shape - 1).T)
    nearest = cKDTree(points).query(points, k=2)[0][:, 1]
    least = nearest / (1 + 2.0 * rho)
    spread = least[rho > 0.3].min() / np.median(least[rho > 0.3])
    assert spread > 0.6, "no two samples come much closer than is usual at their place"
    assert nearest[rho > 0.8].mean() > 1.5 * nearest[rho < 0.35].mean(), "the middle is denser"
    assert rho.max() <= 1, "corners are cut"


def test_the_same_seed_gives_the_same_mask():
    first, second, other = (poisson_disc((40, 40), 4.0, seed=s) for s in (3, 3, 4))
    assert (first == second).all()
    assert (first != other).any()


def test_a_disc_along_one_axis_serves_lines():
    mask = poisson_disc((1, 200), 4.0, seed=1, calibration=(1, 20), slope=3.0)
    assert mask.sum() == pytest.approx(50, abs=1)


def test_impossible_masks_are_refused():
    with pytest.raises(SpecError, match="acceleration"):
        regular(8, 0)
    with pytest.raises(SpecError, match="half"):
        partial_fourier(8, 0.5)
    with pytest.raises(SpecError, match="within k-space"):
        calibration_box((4, 4), (5, 1))
    with pytest.raises(SpecError, match="no Poisson disc"):
        poisson_disc((20, 20), 10.0, seed=0, calibration=(12, 12))
    with pytest.raises(SpecError, match="no Poisson disc"):
        poisson_disc((20, 20), 1.0, seed=0)
