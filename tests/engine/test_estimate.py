"""The interval of the estimate holds what it says."""

import numpy as np
import pytest

from scanmill.engine.estimate import Pace


def test_nothing_is_said_before_anything_has_finished():
    assert Pace().estimate(remaining=10, n_remaining=5, n_workers=1).seconds is None


def test_nothing_is_left():
    assert Pace().estimate(remaining=0, n_remaining=0, n_workers=1).seconds == 0.0


@pytest.mark.parametrize("n_seen", [10, 100])
def test_the_true_time_lies_inside_about_nine_times_in_ten(n_seen):
    rng = np.random.default_rng(4)
    inside = 0
    for _ in range(400):
        predicted = rng.uniform(1, 10, 600)
        actual = predicted * rng.gamma(4.0, 0.5, 600)
        pace = Pace()
        for p, a in zip(predicted[:n_seen], actual[:n_seen], strict=True):
            pace.add(float(p), float(a))
        found = pace.estimate(remaining=float(predicted[n_seen:].sum()), n_remaining=600 - n_seen, n_workers=2)
        inside += found.low <= actual[n_seen:].sum() / 2 <= found.high
    assert 0.82 < inside / 400 < 0.97
