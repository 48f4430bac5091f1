"""Local correlation beside direct sums in float64, its equations beside finite differences."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from scanmill.algorithms.registration.dense.correlation import FLOOR, LocalCorrelation, window_moments
from scanmill.algorithms.registration.dense.level import Level
from scanmill.algorithms.registration.dense.measure import N_EQUATIONS
from scanmill.kernels.launch import threads

SHAPE = (11, 13, 17)


def noise(seed, shape=SHAPE):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def direct(weight, a, b, half):
    """Moments by summing every window anew, in float64; beyond the edges weights are zero."""
    sizes = [2 * half + 1 if n > 1 else 1 for n in a.shape]
    pads = [(size // 2, size // 2) for size in sizes]
    w, x, y = (sliding_window_view(np.pad(v.astype(np.float64), pads), sizes) for v in (weight, a, b))
    axes = (-3, -2, -1)
    m = w.sum(axes)
    mx, my = ((w * v).sum(axes) / np.maximum(m, 1) for v in (x, y))
    dx, dy = x - mx[..., None, None, None], y - my[..., None, None, None]
    return np.stack([m, mx, my, (w * dx * dx).sum(axes), (w * dy * dy).sum(axes), (w * dx * dy).sum(axes)])


def moments(weight, a, b, half):
    memory = np.empty((N_EQUATIONS, *a.shape), np.float32)
    return window_moments(weight, a, b, half, memory, np.empty_like(memory))


@pytest.mark.parametrize("half", [1, 2, 4, 9])
@pytest.mark.parametrize("shape", [SHAPE, (1, 20, 23)])
def test_windows_beside_direct_sums(half, shape):
    a = noise(0, shape) + 300  # sums of squares in float32 would leave two digits of its variance
    b = 0.01 * noise(1, shape) + np.linspace(0, 50, shape[2], dtype=np.float32)
    weight = (noise(2, shape) > -1).astype(np.float32)
    ours, theirs = moments(weight, a, b, half), direct(weight, a, b, half)
    assert np.array_equal(ours[0], theirs[0])
    seen = theirs[0] > 0
    assert np.abs(ours[1:3] - theirs[1:3])[:, seen].max() < 1e-3
    own = theirs[3:5] + 1e-3 * np.array([a.var(), b.var()]).reshape(2, 1, 1, 1)
    for got, expected, size in zip(ours[3:], theirs[3:], (*own, np.sqrt(own[0] * own[1])), strict=True):
        assert (np.abs(got - expected) <= 1e-4 * size)[seen].all()


def level_of(fixed, moving, weight=None):
    one = np.ones(fixed.shape, np.float32) if weight is None else weight
    whole = tuple(slice(0, n) for n in fixed.shape)
    return Level(fixed, one, moving, np.eye(3, 4, dtype=np.float32), (1, 1, 1), (1.0, 1.0, 1.0), whole)


def directly(fixed, moving, weight, half, *, signed):
    """The mean squared correlation in float64."""
    m, _, _, xx, yy, xy = direct(weight, fixed, moving, half)
    share = 1 / np.maximum(m, 1)
    x, y = xx * share + FLOOR * fixed.astype(np.float64).var(), yy * share + FLOOR * moving.astype(np.float64).var()
    squares = (xy * share) ** 2 / (x * y) * ((xy > 0) | (not signed))
    return float((weight * squares).sum() / weight.sum())


@pytest.mark.parametrize("signed", [False, True])
def test_its_value(signed):
    fixed = noise(3)
    moving = (0.7 * fixed + 0.5 * noise(4)) * np.sign(np.linspace(-1, 2, SHAPE[2])).astype(np.float32) + 40
    weight = (noise(5) > -0.5).astype(np.float32)
    level = level_of(fixed + 100, moving, weight)
    value = LocalCorrelation(level, half=2, signed=signed)(np.zeros((3, *SHAPE), np.float32)).value
    assert value == pytest.approx(directly(level.fixed, moving, weight, 2, signed=signed), abs=1e-4)


def test_without_sign_it_is_blind_to_inversion():
    fixed, moving = noise(6), noise(7) + noise(6)
    rest = np.zeros((3, *SHAPE), np.float32)
    one, other = (LocalCorrelation(level_of(fixed, s * moving), half=2)(rest) for s in (1, -1))
    assert one.value == pytest.approx(other.value, rel=1e-6)
    np.testing.assert_allclose(one.equations[:3], other.equations[:3], atol=1e-5)


def image(x, y, z):
    """Waves that are known between the voxels too."""
    return np.sin(0.7 * x + 0.4 * y) + np.cos(0.6 * z + 0.5 * x) + np.sin(0.8 * y - 0.5 * z)


def places():
    z, y, x = np.meshgrid(*(np.arange(n, dtype=np.float64) for n in SHAPE), indexing="ij")
    return x, y, z


def test_its_equations_find_a_shift():
    """Fixed(x) = moving(x + d): the step of all voxels together goes along d, and not beyond.

    It falls short, since a shift also moves the window's mean.
    """
    shift = np.array([0.3, -0.2, 0.25])
    fixed = image(*(p + d for p, d in zip(places(), shift, strict=True))).astype(np.float32)
    level = level_of(fixed, image(*places()).astype(np.float32) * 5 - 3)
    reading = LocalCorrelation(level, half=2)(np.zeros((3, *SHAPE), np.float32))
    eq = reading.equations.reshape(9, -1).sum(axis=1, dtype=np.float64)
    found = np.linalg.solve(eq[[3, 4, 5, 4, 6, 7, 5, 7, 8]].reshape(3, 3), eq[:3])
    length = np.linalg.norm(found)
    assert found @ shift / (length * np.linalg.norm(shift)) > 0.98
    assert 0.5 < length / np.linalg.norm(shift) < 1.0


def test_its_right_side_points_along_the_slope_of_the_similarity():
    """Slopes along random waves of displacements, by finite differences of the direct sums in float64.

    The right side takes only the window around the voxel itself, as in Avants et al. (2008): it is not as long.
    """
    rng, ones, step = np.random.default_rng(11), np.ones(SHAPE, np.float32), 0.02
    at = places()
    fixed = image(*(p + 0.3 for p in at)).astype(np.float32)
    right = LocalCorrelation(level_of(fixed, image(*at).astype(np.float32)), half=2)(
        np.zeros((3, *SHAPE), np.float32)
    ).equations[:3]
    slopes, predicted = [], []
    for _ in range(12):
        waves, phase = rng.uniform(-0.3, 0.3, (3, 3)), rng.uniform(0, 6, 3)
        d = np.stack([np.sin(sum(w * p for w, p in zip(wave, at, strict=True)) + f)
                      for wave, f in zip(waves, phase, strict=True)])  # fmt: skip
        up, down = (directly(fixed, image(*(p + s * step * c for p, c in zip(at, d, strict=True))), ones, 2,
                             signed=False) for s in (1, -1))  # fmt: skip
        slopes.append((up - down) / (2 * step))
        predicted.append(2 * float((right * d).sum(axis=0).mean()))
    assert np.corrcoef(slopes, predicted)[0, 1] > 0.95


def test_the_same_bytes_for_one_thread_and_two():
    level = level_of(noise(8, (20, 21, 22)), noise(9, (20, 21, 22)))
    field = 0.4 * noise(10, (3, 20, 21, 22))
    results = []
    for n in (1, 2):
        with threads(n):
            reading = LocalCorrelation(level)(field)
            results.append((reading.value, reading.equations.tobytes()))
    assert results[0] == results[1]
