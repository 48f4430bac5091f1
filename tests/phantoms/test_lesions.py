"""Lesions to plant: inside their radius, of known contrast, and the same for the same seed."""

import numpy as np
import pytest

from scanmill.errors import SpecError
from scanmill.phantoms import KINDS, WATER_PER_MM, lesion

CENTER = (-70.0, 5.0, 12.0)
RNG = np.random.default_rng(0)
DIRECTIONS = RNG.normal(size=(4000, 3))
DIRECTIONS /= np.linalg.norm(DIRECTIONS, axis=1, keepdims=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_lesion_stays_within_its_radius(kind):
    seen = lesion(kind, CENTER, 12.0, seed=3)
    assert seen == lesion(kind, CENTER, 12.0, seed=3) != lesion(kind, CENTER, 12.0, seed=4)
    assert not seen.values(CENTER + 12.3 * DIRECTIONS).any()  # a spike's waist reaches 12.0001
    assert seen.values(CENTER + 6.5 * DIRECTIONS).any()


@pytest.mark.parametrize(
    ("kind", "middle", "rim"),
    [("solid", 0.7, 0.7), ("ground glass", 0.25, 0.25), ("cavity", 0.0, 0.7), ("calcified", 1.8, 0.6)],
)
def test_kinds_differ_where_they_should(kind, middle, rim):
    seen = lesion(kind, CENTER, 12.0, seed=5)
    assert seen.values(np.array(CENTER)) == pytest.approx(middle * WATER_PER_MM, abs=1e-12)
    np.testing.assert_allclose(seen.values(CENTER + 8.5 * DIRECTIONS), rim * WATER_PER_MM, atol=1e-12)


def test_spikes_leave_gaps():
    at_rim = lesion("spiculated", CENTER, 12.0, seed=6).values(CENTER + 9.6 * DIRECTIONS) > 0
    assert 0.02 < at_rim.mean() < 0.3


def test_an_unknown_kind():
    with pytest.raises(SpecError, match="ground glass"):
        lesion("hamartoma", CENTER, 12.0, seed=0)
