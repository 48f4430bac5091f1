"""Shearlets: a tight frame, directional, and moving with the image."""

import numpy as np
import pytest

import laws
from scanmill.errors import SpecError
from scanmill.operators.shearlet import ShearletOp


@pytest.mark.parametrize("shape", [(1, 64, 64), (2, 33, 40), (17, 16), (1, 7, 1)])
@pytest.mark.parametrize(("dtype", "bound"), [(np.float32, 1e-6), (np.float64, 1e-13)])
def test_it_is_a_tight_frame(shape, dtype, bound):
    op = ShearletOp(shape, dtype=dtype)
    x = laws.noise(shape, dtype)
    bands = op(x)
    assert bands.dtype == op.H(bands).dtype == dtype
    assert np.linalg.norm(op.H(bands) - x) <= bound * np.linalg.norm(x)
    assert np.linalg.norm(bands) == pytest.approx(np.linalg.norm(x), rel=10 * bound)


def test_it_moves_with_the_image():
    x = laws.noise((1, 32, 24), np.float64)
    op = ShearletOp(x.shape, (4, 8), dtype=np.float64)
    moved = op(np.roll(x, (5, -3), (-2, -1)))
    np.testing.assert_allclose(moved, np.roll(op(x), (5, -3), (-2, -1)), atol=1e-13)


@pytest.mark.parametrize(("angle_deg", "direction"), [(0, 0), (45, 2), (90, 4), (135, 6)])
def test_a_wave_falls_into_the_band_of_its_direction(angle_deg, direction):
    y, x = np.mgrid[:64, :64]
    k = np.round(16 * np.array([np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))]))
    wave = np.cos(2 * np.pi * (k[0] * x + k[1] * y) / 64)[None]
    bands = ShearletOp(wave.shape, (8, 8), dtype=np.float64)(wave)
    energy = (bands**2).sum(axis=(1, 2, 3)).reshape(-1)[1:].reshape(2, 8).sum(axis=0)
    assert energy.argmax() == direction
    assert energy[direction] > 0.95 * (wave**2).sum()


def test_an_even_image_has_no_part_that_is_lost_at_half_the_sampling_rate():
    x = np.indices((16, 16)).sum(axis=0)[None] % 2 * 2.0 - 1
    op = ShearletOp(x.shape, (8,), dtype=np.float64)
    np.testing.assert_allclose(op.H(op(x)), x, atol=1e-13)


@pytest.mark.parametrize("directions", [(), (2,), (8, 6)])
def test_directions_come_in_fours(directions):
    with pytest.raises(SpecError):
        ShearletOp((1, 16, 16), directions)


def test_complex_images_are_refused():
    with pytest.raises(SpecError):
        ShearletOp((1, 16, 16), dtype=np.complex64)
