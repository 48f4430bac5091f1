"""Similarities beside their textbook formulas in float64, and their slopes beside finite differences."""

import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from scanmill.algorithms.registration.climbing import Hill, climb
from scanmill.algorithms.registration.measures import N_BINS, measure_of, top_of
from scanmill.algorithms.registration.motions import Motion
from scanmill.algorithms.registration.samples import Samples
from scanmill.algorithms.registration.stages import hill_of
from scanmill.kernels import launch

METRICS = ("ssd", "ncc", "mi", "nmi")
MODELS = {"translation": 3, "rigid": 6, "similarity": 7, "affine": 12}
POINT_TO_INDEX = np.array([[0.9, 0.1, 0.0, 6.0], [-0.1, 0.8, 0.1, 7.0], [0.0, 0.1, 1.1, 8.0], [0, 0, 0, 1]])


def smooth(shape, seed):
    """Waves that no cell of the grid can break: values from 0 to 1."""
    rng = np.random.default_rng(seed)
    z, y, x = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    waves = [np.sin(a * x + b * y + c * z + d) for a, b, c, d in rng.uniform(-0.5, 0.5, (6, 4))]
    total = sum(waves)
    return (total - total.min()) / np.ptp(total)


def pair(metric, n=3000):
    """A measure in float64, of samples in whose cells finite steps stay."""
    top = top_of(metric)
    rng = np.random.default_rng(7)
    image = top * 0.98 * smooth((16, 15, 14), 1) + 0.01 * top
    points = rng.uniform(-2.5, 2.5, (3, n))
    values = top * (0.5 + 0.5 * np.sin(points[0] + 0.3 * points[1] * points[2]))
    return measure_of(metric, Samples(points, values, np.zeros(3), 512), image)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("metric", METRICS)
def test_slopes_are_those_of_the_value(metric, model):
    measure = pair(metric)
    start = np.eye(4)
    start[:3, :3] += 0.02 * np.arange(9).reshape(3, 3) / 9
    motion = Motion(model, start, np.array([0.5, -0.2, 0.1]), 3.0, np.eye(3), 3)
    hill = hill_of(measure, motion, POINT_TO_INDEX)
    p = 0.1 * np.random.default_rng(2).standard_normal(motion.n_numbers)
    assert motion.n_numbers == MODELS[model]
    hill.value(p)
    slopes = hill.slopes(p)
    step = 1e-6
    finite = [(hill.value(p + step * e) - hill.value(p - step * e)) / (2 * step) for e in np.eye(len(p))]
    assert np.abs(slopes - finite).max() <= 1e-4 * np.abs(finite).max()


@pytest.mark.parametrize("metric", METRICS)
def test_information_is_positive(metric):
    measure = pair(metric)
    measure.value(POINT_TO_INDEX[:3])
    measure.slopes()
    information = measure.information()
    np.testing.assert_allclose(information, information.T)
    assert np.linalg.eigvalsh(information).min() >= -1e-9 * np.linalg.eigvalsh(information).max()


def test_gauss_newton_of_squared_differences_is_their_second_derivative():
    """Where the images agree, the residual is zero and Gauss-Newton is exact."""
    image = smooth((16, 15, 14), 1)
    points = np.random.default_rng(7).uniform(-2.5, 2.5, (3, 500))
    seeing = measure_of("ssd", Samples(points, np.zeros(500), np.zeros(3), 512), image)
    seeing.value(POINT_TO_INDEX[:3])
    measure = measure_of("ssd", Samples(points, seeing.seen[0].copy(), np.zeros(3), 512), image)
    assert measure.value(POINT_TO_INDEX[:3]) == pytest.approx(0, abs=1e-12)
    measure.slopes()
    direction = np.random.default_rng(8).standard_normal(12)
    step = 1e-4
    values = [measure.value(POINT_TO_INDEX[:3] + s * step * direction.reshape(3, 4)) for s in (-1, 0, 1)]
    measure.value(POINT_TO_INDEX[:3])
    curvature = direction @ measure.information() @ direction
    assert -(values[0] - 2 * values[1] + values[2]) / step**2 == pytest.approx(curvature, rel=0.02)


def textbook(metric, f, m):
    if metric == "ssd":
        return -np.mean((f - m) ** 2)
    return np.corrcoef(f, m)[0, 1]


@pytest.mark.parametrize("metric", ["ssd", "ncc"])
def test_sums_give_the_textbook_value(metric):
    measure = pair(metric)
    value = measure.value(POINT_TO_INDEX[:3])
    assert measure.inside == 1
    assert value == pytest.approx(textbook(metric, measure.samples.values, measure.seen[0]), rel=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_mutual_information_of_whole_numbers(dtype):
    """A Parzen window blurs: of values eight bins apart nothing runs together, and scikit-learn's value is left."""
    rng = np.random.default_rng(3)
    f = rng.integers(0, 4, 4000)
    m = (f + (rng.random(4000) < 0.3)) % 4
    image = np.tile((8.0 * np.arange(4)).astype(dtype), (4, 4, 1))
    points = np.stack([m, np.zeros(4000), np.zeros(4000)]).astype(dtype)
    matrix = np.column_stack([np.eye(3), (0.0, 1.0, 1.0)])
    measure = measure_of("mi", Samples(points, (8.0 * f).astype(dtype), np.zeros(3), 512), image)
    assert measure.value(matrix) == pytest.approx(mutual_info_score(f, m), rel=1e-6)
    joint = np.histogram2d(f, m, 4)[0] / 4000
    entropy = lambda p: -np.sum(p[p > 0] * np.log(p[p > 0]))  # noqa: E731
    window = entropy(np.array([1, 4, 1]) / 6)
    h = [entropy(joint.sum(axis=1)), entropy(joint.sum(axis=0)) + window, entropy(joint) + window]
    measure = measure_of("nmi", Samples(points, (8.0 * f).astype(dtype), np.zeros(3), 512), image)
    assert measure.value(matrix) == pytest.approx((h[0] + h[1]) / h[2], rel=1e-6)


@pytest.mark.parametrize("metric", METRICS)
def test_what_does_not_count_is_left_out(metric):
    """Samples outside, and beside voxels that are not numbers, change neither value nor slopes."""
    whole = pair(metric)
    value, slopes = whole.value(POINT_TO_INDEX[:3]), whole.slopes()
    image = whole.image.copy()
    image[0, 0, 0] = np.nan
    points = np.concatenate([whole.samples.points, [[90.0, -6.4], [0.0, -8.3], [0.0, -7.0]]], axis=1)
    values = np.append(whole.samples.values, [0.3, 0.2])
    more = measure_of(metric, Samples(points, values, np.zeros(3), 512), image)
    assert more.value(POINT_TO_INDEX[:3]) == pytest.approx(value, rel=1e-12)
    assert more.inside == pytest.approx(3000 / 3002)
    np.testing.assert_allclose(more.slopes(), slopes, rtol=1e-9, atol=1e-12)
    away = POINT_TO_INDEX[:3].copy()
    away[:, 3] += 1e6
    assert more.value(away) == -np.inf
    assert more.inside == 0


@pytest.mark.parametrize("metric", METRICS)
def test_threads_do_not_matter(metric):
    results = []
    for n_threads in (1, launch.CONFIG.NUMBA_NUM_THREADS):
        with launch.threads(n_threads):
            measure = pair(metric)
            results.append([measure.value(POINT_TO_INDEX[:3]), measure.slopes(), measure.information()])
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_histogram_has_all_its_samples():
    measure = pair("mi")
    measure.value(POINT_TO_INDEX[:3])
    assert measure.joint.shape == (N_BINS, N_BINS + 2)
    assert measure.joint.sum() == pytest.approx(1)
    assert measure.n == pytest.approx(3000)


def test_a_climb_reaches_a_known_top():
    curved = np.array([[3.0, 1.0], [1.0, 2.0]])
    at = np.array([4.0, -2.0])
    last = {}

    def value(p):
        last["p"] = p
        return -0.5 * (p - at) @ curved @ (p - at)

    hill = Hill(value, lambda _: -curved @ (last["p"] - at), lambda _: np.eye(2))
    top = climb(hill, np.zeros(2), tolerance=1e-6, longest=1.0)
    np.testing.assert_allclose(top.p, at, atol=1e-5)
    assert top.converged
