import numpy as np
import pytest

from scanmill.algorithms.reconstruction import os_sart, sirt
from scanmill.algorithms.reconstruction.ordered_subsets import subset_order
from scanmill.errors import ConvergenceError, SpecError


@pytest.fixture
def consistent(matrix_op):
    """An operator, exact data and the image behind them."""
    op = matrix_op()
    x = np.random.default_rng(1).random(op.in_shape)
    return op, op(x), x


def test_one_subset_is_sirt(consistent):
    op, y, _ = consistent
    np.testing.assert_array_equal(os_sart(op, y, n_subsets=1, n_iterations=9), sirt(op, y, n_iterations=9))


def test_one_view_a_subset_is_sart_written_out(consistent):
    op, y, _ = consistent
    x = np.zeros(op.in_shape)
    blocks = op.matrix.reshape(*op.out_shape, -1)
    for _ in range(3):
        for A, b in zip(blocks, y, strict=True):
            x = np.maximum(x + 0.8 * (A.T @ ((b - A @ x) / A.sum(axis=1))) / A.sum(axis=0), 0)
    ours = os_sart(op, y, n_subsets=len(y), n_iterations=3, relaxation=0.8, order="sequential")
    np.testing.assert_allclose(ours, x, rtol=1e-12)


def test_it_finds_the_image_behind_exact_data_faster_than_sirt(consistent):
    op, y, truth = consistent
    x = os_sart(op, y, n_subsets=6, n_iterations=3000)
    np.testing.assert_allclose(x, truth, atol=1e-6)
    few = [
        np.linalg.norm(solve - truth)
        for solve in (os_sart(op, y, n_subsets=6, n_iterations=20), sirt(op, y, n_iterations=20))
    ]
    assert few[0] < 0.7 * few[1]


@pytest.mark.parametrize("order", ["golden", "random", "sequential"])
def test_a_warm_start_goes_on_exactly_and_the_same_seed_gives_the_same_bytes(consistent, order):
    op, y, _ = consistent
    knobs = {"n_subsets": 3, "order": order, "relaxation_decay": 0.9, "seed": 5}
    whole = os_sart(op, y, n_iterations=7, **knobs)
    half = os_sart(op, y, n_iterations=4, **knobs)
    assert os_sart(op, y, n_iterations=3, x0=half, first_iteration=5, **knobs).tobytes() == whole.tobytes()
    assert os_sart(op, y, n_iterations=7, **knobs).tobytes() == whole.tobytes()


def test_another_seed_is_another_way(consistent):
    op, y, _ = consistent
    first, second = (os_sart(op, y, n_iterations=2, n_subsets=6, order="random", seed=s) for s in (0, 1))
    assert (first != second).any()


def test_every_order_visits_every_subset_and_golden_neighbours_are_far_apart():
    for order in ("golden", "random", "sequential"):
        for n in range(1, 40):
            assert sorted(subset_order(n, order, seed=0, iteration=1)) == list(range(n))
    steps = np.abs(np.diff(subset_order(34, "golden", seed=0, iteration=1)))
    assert np.minimum(steps, 34 - steps).min() >= 34 // 3


def test_bounds_tolerances_and_refusals(matrix_op, consistent):
    op, y, _ = consistent
    x = os_sart(op, y, n_subsets=3, bounds=(0.2, 0.6))
    assert x.min() >= 0.2
    assert x.max() <= 0.6
    seen = []
    os_sart(op, y, n_subsets=3, n_iterations=500, residual_tolerance=1e-2, callback=seen.append)
    assert seen[-1].residual <= 1e-2 < seen[-2].residual
    with pytest.raises(ConvergenceError, match="iteration 1"):
        os_sart(op, y * np.nan, n_subsets=2)
    for wrong in ({"n_subsets": 0}, {"n_subsets": 7}, {"relaxation": 2.5}, {"relaxation_decay": 0}, {"order": "no"}):
        with pytest.raises(SpecError):
            os_sart(op, y, **{"n_subsets": 2, **wrong})
    with pytest.raises(SpecError, match="matched"):
        os_sart(matrix_op(matched=False), y, n_subsets=2)
