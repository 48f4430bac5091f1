"""First-order statistics against scipy.stats, profiles against numpy's histograms."""

import numpy as np
import pytest
from scipy import stats

from scanmill.algorithms.features import grey_levels, intensity_profile, intensity_statistics, level_statistics
from scanmill.errors import InputError

IMAGE = np.random.default_rng(3).gamma(2.0, 100.0, size=(8, 9, 10)).astype(np.float32) - 50
MASK = np.random.default_rng(4).uniform(size=IMAGE.shape) < 0.3


def test_statistics_as_scipy():
    x = IMAGE[MASK].astype(np.float64)
    values = intensity_statistics(IMAGE, MASK)
    expected = {
        "skewness": stats.skew(x),
        "kurtosis": stats.kurtosis(x),
        "coefficient_of_variation": stats.variation(x),
        "interquartile_range": stats.iqr(x),
        "median_absolute_deviation": np.mean(np.abs(x - np.median(x))),
        "percentile_90": np.quantile(x, 0.9),
        "root_mean_square": np.sqrt(np.mean(x**2)),
        "range": np.ptp(x),
    }
    assert {name: values[name] for name in expected} == pytest.approx(expected, rel=1e-10)


def test_a_region_of_one_value_divides_by_nothing():
    values = intensity_statistics(np.zeros((3, 3)))
    assert set(values.values()) == {0.0}


def test_profile_as_numpy():
    profile = intensity_profile(IMAGE, MASK, lower=-100, upper=300, n_bins=16)
    inside = np.clip(IMAGE[MASK], -100, np.nextafter(300, 0))
    np.testing.assert_allclose(profile[0] * MASK.sum(), np.histogram(inside, 16, (-100, 300))[0])


def test_sections_of_a_profile():
    profile = intensity_profile(IMAGE, lower=-100, upper=300, n_bins=8, n_sections=4)
    for section in range(4):
        planes = IMAGE[2 * section : 2 * section + 2]
        np.testing.assert_array_equal(profile[section], intensity_profile(planes, lower=-100, upper=300, n_bins=8)[0])
    holes = np.zeros(IMAGE.shape, bool)
    holes[[0, 7], 0, 0] = True
    assert intensity_profile(IMAGE, holes, n_sections=4).sum(axis=1).tolist() == [1, 0, 0, 1]


def test_levels_of_a_fixed_width_are_the_same_question_to_every_image():
    part = grey_levels(IMAGE[:4], bin_width=25.0, lower=-1000.0)
    np.testing.assert_array_equal(part, grey_levels(IMAGE, bin_width=25.0, lower=-1000.0)[:4])
    clipped = grey_levels(IMAGE, MASK, bin_width=25.0, lower=0.0, n_levels=4)
    assert set(np.unique(clipped)) == {0, 1, 2, 3, 4}


def test_entropy_as_scipy():
    levels = grey_levels(IMAGE, MASK, bin_width=25.0)
    counts = np.unique(levels[levels > 0], return_counts=True)[1]
    assert level_statistics(levels)["entropy"] == pytest.approx(stats.entropy(counts, base=2))


def test_bad_bins():
    with pytest.raises(InputError, match="lower < upper"):
        intensity_profile(IMAGE, lower=1, upper=1)
    with pytest.raises(InputError, match="sections"):
        intensity_profile(IMAGE, n_sections=9)
    with pytest.raises(InputError, match="too many grey levels"):
        grey_levels(IMAGE, bin_width=0.01)
    with pytest.raises(InputError, match="positive"):
        grey_levels(IMAGE, bin_width=0.0)
