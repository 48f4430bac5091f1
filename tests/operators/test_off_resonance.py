"""Segments of time against the sum that takes every sample's own time."""

import numpy as np
import pytest

import laws
from scanmill.errors import InputError, SpecError
from scanmill.geometry import Trajectory
from scanmill.operators.nufft import NufftOp
from scanmill.operators.off_resonance import OffResonanceOp
from scanmill.operators.time_segments import fit_segments
from slow_transform import fourier_matrix

IMAGE = (1, 24, 20)
POINTS = Trajectory.spiral(3, 200, matrix=20).points[0, 0]
TIMES = 0.002 + np.arange(200) * 1e-4
"""A spiral of 20 ms."""


def field():
    """A smooth map between about -60 and 120 Hz."""
    y, x = np.mgrid[-1:1:24j, -1:1:20j]
    return (120 * np.exp(-3 * (x**2 + (y - 0.4) ** 2)) - 60 * x * y)[None, None]


def exact(x, field_map, points=POINTS, times=TIMES):
    """Σ x(r) exp(-2πi (k r / N + f t)) / √voxels."""
    t = np.broadcast_to(times, points.shape[:2]).reshape(-1, 1)
    turned = fourier_matrix(points, IMAGE) * np.exp(-2j * np.pi * t * field_map.reshape(1, -1))
    return (x.reshape(*x.shape[:2], -1) @ turned.T).reshape(*x.shape[:2], *points.shape[:2])


def encoding(batch=1):
    return NufftOp(POINTS, (batch, 2, *IMAGE), eps=1e-10, dtype=np.complex128)


@pytest.mark.parametrize("tolerance", [1e-2, 1e-4, 1e-6])
def test_it_is_the_exact_sum_to_the_tolerance(tolerance):
    op = OffResonanceOp(encoding(), field(), TIMES, tolerance=tolerance)
    x = laws.noise(op.in_shape, op.dtype)
    truth = exact(x, field())
    assert laws.norm(op(x) - truth) <= 2 * tolerance * laws.norm(truth)
    assert op.segments.error <= tolerance
    assert len(op.segments.moments) < 14


def test_without_it_the_phase_is_wrong():
    x = laws.noise(encoding().in_shape, np.complex128)
    truth = exact(x, field())
    assert laws.norm(encoding()(x) - truth) > 0.5 * laws.norm(truth)


def test_each_segment_more_is_better_than_a_hann_window_between_as_many():
    f, t = field().ravel(), TIMES
    before = 1.0
    for n in (2, 4, 6, 8):
        error = fit_segments(f, t, n_segments=n).error
        moments = np.linspace(t[0], t[-1], n)
        distance = abs(t - moments[:, None]) / (moments[1] - moments[0])
        hann = np.where(distance < 1, 0.5 + 0.5 * np.cos(np.pi * distance), 0)
        gaps = np.exp(-2j * np.pi * np.outer(f, moments)) @ hann - np.exp(-2j * np.pi * np.outer(f, t))
        assert error < before
        assert error < np.sqrt(np.mean(abs(gaps) ** 2, axis=0)).max()
        before = error


def test_one_frequency_needs_one_segment():
    op = OffResonanceOp(encoding(), np.full((1, *IMAGE), 77.0), TIMES)
    x = laws.noise(op.in_shape, op.dtype)
    assert len(op.segments.moments) == 1
    np.testing.assert_allclose(op(x), np.exp(-2j * np.pi * 77.0 * TIMES) * encoding()(x), atol=1e-3)


def test_every_shot_may_have_its_times_and_every_item_its_field():
    times = TIMES + np.array([0.0, 0.001, 0.003])[:, None]
    maps = np.concatenate([field(), -field()])
    op = OffResonanceOp(encoding(2), maps, times, tolerance=1e-5)
    x = laws.noise(op.in_shape, op.dtype)
    for i in range(2):
        truth = exact(x[i : i + 1], maps[i], times=times)
        assert laws.norm(op(x)[i : i + 1] - truth) <= 3e-5 * laws.norm(truth)


def test_what_does_not_fit_is_refused():
    with pytest.raises(InputError):
        OffResonanceOp(encoding(), np.zeros((1, 1, 8, 8)), TIMES)
    with pytest.raises(InputError):
        OffResonanceOp(encoding(), np.zeros((1, *IMAGE)), TIMES[:-1])
    with pytest.raises(InputError):
        OffResonanceOp(encoding(), np.full((1, *IMAGE), np.nan), TIMES)
    with pytest.raises(SpecError):
        OffResonanceOp(encoding(), np.zeros((1, *IMAGE)), TIMES, n_segments=0)
