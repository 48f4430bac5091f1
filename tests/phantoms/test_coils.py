"""Coils: the field of a loop against its closed form, the fit, and correlated noise."""

import numpy as np
import pytest

from scanmill.errors import InputError
from scanmill.phantoms.coil_noise import draw_noise, random_covariance
from scanmill.phantoms.coils import CoilArray, _loops, _transverse_field


def test_a_loop_has_the_field_of_the_textbook_on_its_axis():
    """B = μ₀ I R² / (2 (R² + d²)^(3/2)), Jackson, Classical Electrodynamics, section 5.5."""
    normal, radius = np.array([0.6, 0.8, 0.0]), 40.0
    d = np.array([0.0, 10.0, 55.0])
    field = _transverse_field(
        np.array([3.0, 4.0, 5.0]) + d[:, None] * normal, np.array([3.0, 4.0, 5.0]), normal, radius
    )
    expected = 2 * np.pi * radius**2 / (radius**2 + d**2) ** 1.5 * (normal[0] - 1j * normal[1])
    np.testing.assert_allclose(field, expected, rtol=1e-12)


def test_waves_fit_the_fields_and_stay_tame():
    coils = CoilArray.loops(8, n_rings=2)
    points = np.random.default_rng(0).uniform(-55, 55, (500, 3))
    seen = coils.values(points)
    fields = np.stack([_transverse_field(points, *loop) for loop in _loops(8, 2, 100.0)])
    scale = (fields.conj() * seen).sum() / (abs(fields) ** 2).sum()
    assert np.linalg.norm(seen - scale * fields) < 0.15 * np.linalg.norm(seen)
    assert np.sqrt((abs(seen) ** 2).sum(axis=0)).max() < 3


def test_coils_differ_and_see_most_near_themselves():
    coils = CoilArray.loops(6)
    around = np.array([[80 * np.cos(a), 80 * np.sin(a), 0.0] for a in np.arange(6) * np.pi / 3])
    assert abs(coils.values(around)).argmax(axis=1).tolist() == list(range(6))
    assert np.linalg.matrix_rank(coils.values(np.random.default_rng(1).uniform(-60, 60, (99, 3)))) == 6


def test_values_have_the_shape_of_the_points():
    assert CoilArray.loops(4).values(np.zeros((2, 5, 3))).shape == (4, 2, 5)


@pytest.mark.parametrize("correlation", [0.0, 0.6])
def test_noise_has_its_covariance(correlation):
    covariance = random_covariance(5, seed=2, sigma=3.0, correlation=correlation)
    np.testing.assert_allclose(covariance, covariance.conj().T)
    noise = draw_noise(covariance, 200_000, np.random.default_rng(4))
    np.testing.assert_allclose(noise @ noise.conj().T / 200_000, covariance, atol=0.01 * abs(covariance).max())
    assert abs((noise * noise).mean()) < 0.02 * abs(covariance).max(), "circular: no preferred phase"


def test_wrong_coils_and_noise_are_refused():
    with pytest.raises(InputError, match="rings"):
        CoilArray.loops(5, n_rings=2)
    with pytest.raises(InputError, match="waves"):
        CoilArray(np.zeros((2, 3)), np.zeros((4, 3)))
    with pytest.raises(InputError, match="hermitian"):
        draw_noise([[1.0, 2.0], [0.0, 1.0]], 3, np.random.default_rng(0))
    with pytest.raises(InputError, match="positive definite"):
        draw_noise([[1.0, 2.0], [2.0, 1.0]], 3, np.random.default_rng(0))
    with pytest.raises(InputError, match="correlation"):
        random_covariance(3, seed=0, correlation=1.0)
