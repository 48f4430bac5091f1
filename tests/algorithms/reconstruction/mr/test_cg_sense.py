import numpy as np
import pytest

import brain8
from scanmill.algorithms.reconstruction.mr import cg_sense, combine_coils, zero_filled
from scanmill.errors import ConvergenceError, InputError, SpecError
from scanmill.operators.sense import sense_op
from scanmill.operators.toeplitz import ToeplitzOp

SHAPE = (1, 6, 4)


def random(*shape, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


@pytest.fixture
def problem():
    """Two slices, two sets, three coils, half of the samples: the operator, data and the matrix of each slice."""
    maps = random(2, 2, 3, *SHAPE)
    mask = np.random.default_rng(1).random((2, *SHAPE)) < 0.6
    op = sense_op(maps, sampling_mask=mask, dtype=np.complex128)
    y = random(2, 3, *SHAPE, seed=2) * mask[:, None]
    return op, y, [dense(maps[i], mask[i]) for i in range(2)]


def dense(maps, mask):
    """The encoding matrix of one slice from its definition, (samples of all coils, voxels of all sets)."""
    axes = [np.arange(n) - n // 2 for n in SHAPE]
    waves = np.ones((1, 1))
    for r in axes:
        waves = np.kron(waves, np.exp(-2j * np.pi * np.outer(r, r) / len(r)) / np.sqrt(len(r)))
    encode = mask.ravel()[:, None] * waves
    return np.block([[encode * coil.ravel() for coil in sets] for sets in maps.swapaxes(0, 1)])


def least_squares(matrix, y, weight):
    n = matrix.shape[1]
    damped = np.vstack([matrix, np.sqrt(weight) * np.eye(n)])
    return np.linalg.lstsq(damped, np.concatenate([y.ravel(), np.zeros(n)]), rcond=None)[0]


@pytest.mark.parametrize("weight", [0.0, 0.3])
def test_it_finds_the_least_squares_of_numpy(problem, weight):
    op, y, matrices = problem
    x = cg_sense(op, y, weight=weight, n_iterations=200, gradient_tolerance=1e-12)
    for item, matrix in enumerate(matrices):
        truth = least_squares(matrix, y[item], weight)
        np.testing.assert_allclose(x[item].ravel(), truth, atol=1e-8 * abs(truth).max())


def test_a_stack_comes_out_as_slice_by_slice(problem):
    op, y, _ = problem
    maps, mask = op.coils.coil_sensitivities, (y != 0).any(axis=1)
    y = y * np.array([1.0, 1e-3]).reshape(2, 1, 1, 1, 1)
    together = cg_sense(op, y, weight=0.5, gradient_tolerance=1e-3)
    for item in range(2):
        alone = sense_op(maps[item : item + 1], sampling_mask=mask[item : item + 1], dtype=np.complex128)
        seen = []
        x = cg_sense(alone, y[item : item + 1], weight=0.5, gradient_tolerance=1e-3, callback=seen.append)
        assert len(seen) < 30
        np.testing.assert_allclose(together[item], x[0], rtol=1e-10, atol=1e-12)


def test_the_status_tells_the_truth_and_the_objective_falls(problem):
    op, y, _ = problem
    seen = []
    cg_sense(op, y, weight=0.3, n_iterations=6, callback=seen.append)
    assert (np.diff([s.objective for s in seen]) < 0).all()
    x, before = seen[-1].image, seen[-2].image
    squares = (abs(op(x) - y) ** 2).sum(axis=(1, 2, 3, 4))
    relative = np.sqrt(squares / (abs(y) ** 2).sum(axis=(1, 2, 3, 4)))
    assert seen[-1].residual == pytest.approx(relative.max())
    assert seen[-1].objective == pytest.approx(0.5 * squares.sum() + 0.15 * (abs(x) ** 2).sum())
    change = [np.linalg.norm(a - b) / np.linalg.norm(a) for a, b in zip(x, before, strict=True)]
    assert seen[-1].change == pytest.approx(max(change))


def test_a_warm_start_at_the_solution_stays_there(problem):
    op, y, _ = problem
    x = cg_sense(op, y, weight=0.3, n_iterations=200, gradient_tolerance=1e-12)
    seen = []
    again = cg_sense(op, y, weight=0.3, x0=x, callback=seen.append)
    np.testing.assert_array_equal(again, x)
    assert not seen


def test_stopping_and_refusals(problem):
    op, y, _ = problem
    seen = []
    cg_sense(op, y, callback=lambda s: seen.append(s) or s.iteration < 3)
    assert len(seen) == 3
    seen.clear()
    cg_sense(op, y, weight=0.1, residual_tolerance=0.9, callback=seen.append)
    assert seen[-1].residual <= 0.9
    assert len(seen) < 30
    with pytest.raises(ConvergenceError, match="iteration 1"):
        cg_sense(op, np.full(op.out_shape, np.nan))
    with pytest.raises(SpecError, match="weight"):
        cg_sense(op, y, weight=-1.0)
    with pytest.raises(InputError, match="do not fit the operator"):
        cg_sense(op, y[:1])
    with pytest.raises(InputError, match="warm start"):
        cg_sense(op, y, x0=y)


def test_a_toeplitz_gram_comes_to_the_image_of_the_samples():
    maps = random(1, 1, 4, 1, 16, 16).astype(np.complex64)
    angles = np.arange(12) * np.pi / 12
    points = (np.arange(32) - 16)[:, None] / 2 * np.stack([np.cos(angles), np.sin(angles)], -1)[:, None]
    op = sense_op(maps, points=points, normal="direct")
    y = op(random(1, 1, 1, 16, 16, seed=3).astype(np.complex64))
    through_samples = cg_sense(op, y, n_iterations=10)
    one = ToeplitzOp(points, op.coils.out_shape)
    by_gram = cg_sense(op, y, gram=op.coils.H @ one @ op.coils, n_iterations=10)
    assert np.linalg.norm(by_gram - through_samples) < 2e-3 * np.linalg.norm(through_samples)


@pytest.mark.parametrize("weight", [0.003, 0.01, 0.03])
def test_on_a_real_head_it_is_as_good_as_bart(brain8_full, bart, weight):
    mask = brain8.mask_2x2()
    bart.write(full=brain8_full[0], sampled=brain8_full[0] * mask)
    bart("ecalib", "-m1", "-c0", "full", "maps")
    bart("pics", "-l2", "-r", weight, "-i", 100, "sampled", "maps", "image")
    maps = bart.read("maps").reshape(1, 1, 8, *brain8.SHAPE)
    truth = combine_coils(zero_filled(brain8_full), maps)
    image = cg_sense(sense_op(maps, sampling_mask=mask[None]), brain8_full * mask, weight=weight)
    ours, theirs = (brain8.psnr(x, truth) for x in (image, bart.read("image").reshape(image.shape)))
    assert ours > theirs - 0.1
    assert ours > 32
