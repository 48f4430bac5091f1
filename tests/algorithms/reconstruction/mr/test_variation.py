"""TV and TGV by the primal-dual method and by ADMM: against scikit-image, each other, BART, and exact slopes."""

import numpy as np
import pytest
from skimage.restoration import denoise_tv_chambolle

from scanmill.algorithms.reconstruction.fista_wavelet import Details
from scanmill.algorithms.reconstruction.mr import admm, l1_wavelet, primal_dual, tgv, tv
from scanmill.algorithms.reconstruction.sparsity import TotalVariation
from scanmill.algorithms.reconstruction.total_variation import total_variation
from scanmill.errors import ConvergenceError, InputError, SpecError
from scanmill.operators.difference import GradientOp
from scanmill.operators.sense import sense_op
from scanmill.operators.wavelet import WaveletOp
from small_sense import problem


def identity(shape):
    return sense_op(np.ones((1, 1, 1, *shape)), sampling_mask=np.ones((1, *shape), bool), dtype=np.complex128)


def objective(op, y, weight, x):
    gradient = GradientOp(op.in_shape, axes=(-2, -1), dtype=op.dtype)(x)
    return 0.5 * np.linalg.norm(op(x) - y) ** 2 + weight * total_variation(gradient)


def blocks():
    image = np.zeros((1, 1, 1, 24, 24))
    image[..., 6:18, 8:16] = 1.0
    return image + 0.1 * np.random.default_rng(0).standard_normal(image.shape)


def by_admm(op, y, **knobs):
    sparsity = TotalVariation(op, axes=(-2, -1), item_axis=-5)
    knobs["n_iterations"] = knobs.get("n_iterations", 300) // 3
    return admm(op, y, sparsity, **knobs)


@pytest.fixture(params=[tv, by_admm], ids=["pdhg", "admm"])
def solve(request):
    return request.param


def test_of_full_data_it_is_chambolles_denoising_of_scikit_image_turned_by_any_phase(solve):
    image, turn = blocks(), np.exp(0.7j)
    op = identity((1, 24, 24))
    theirs = denoise_tv_chambolle(image[0, 0, 0], weight=0.2, eps=1e-12, max_num_iter=5000)
    ours = solve(op, op(turn * image), weight=0.2, n_iterations=1500)
    np.testing.assert_allclose(ours[0, 0, 0], turn * theirs, atol=3e-3)


def test_two_voxels_by_hand(solve):
    """min ½ |x₀|² + ½ |x₁ - 4i|² + |x₁ - x₀| draws both one step together."""
    op = identity((1, 1, 2))
    x = solve(op, op(np.array([0, 4j]).reshape(op.in_shape)), weight=1.0, n_iterations=600)
    np.testing.assert_allclose(x.ravel(), [1j, 3j], atol=1e-5)


def test_both_find_the_same_minimum_of_a_multi_coil_problem():
    op, _, y = problem(n_sets=2)
    values = [objective(op, y, 0.1, f(op, y, weight=0.1, n_iterations=1500)) for f in (tv, by_admm)]
    assert values[0] == pytest.approx(values[1], rel=5e-3)
    assert values[0] < objective(op, y, 0.1, tv(op, y, weight=0.1, n_iterations=10))


def test_a_batch_is_its_items_one_by_one(solve):
    op, _, y = problem(batch=2)
    y = y * np.array([1.0, 30.0]).reshape(2, 1, 1, 1, 1)
    weights = np.array([0.05, 2.0])
    knobs = {"n_iterations": 400, "change_tolerance": 3e-3}
    whole, (single, _, _) = solve(op, y, weight=weights, **knobs), problem()
    lengths = []
    for item in range(2):
        seen = []
        alone = solve(single, y[item : item + 1], weight=weights[item], callback=seen.append, **knobs)
        np.testing.assert_allclose(whole[item : item + 1], alone, atol=1e-9 * abs(alone).max())
        lengths.append(len(seen))
    assert lengths[0] != lengths[1]


def test_the_status_is_true_and_a_warm_start_is_near(solve):
    op, _, y = problem()
    seen = []
    x = solve(op, y, weight=0.1, n_iterations=300, callback=seen.append)
    assert seen[-1].objective == pytest.approx(objective(op, y, 0.1, x), rel=1e-6)
    assert seen[-1].residual == pytest.approx(np.linalg.norm(op(x) - y) / np.linalg.norm(y), rel=1e-5)
    if solve is tv:  # ADMM's other variables begin anew
        assert objective(op, y, 0.1, solve(op, y, weight=0.1, x0=x, n_iterations=3)) < seen[2].objective


def test_a_small_weight_on_half_of_k_space_converges_within_the_usual_iterations():
    """Ill conditioned, and hardly regularised: balanced steps must not leave the dual behind."""
    shape, y_axis = (1, 48, 48), np.linspace(-1, 1, 48)
    rotated = np.exp(1j * np.pi / 2 * np.arange(4)).reshape(4, 1, 1, 1)
    maps = np.exp(-(abs(y_axis[:, None] * rotated.imag + y_axis * rotated.real - 1.5) ** 2)) * rotated
    maps = (maps / np.sqrt((abs(maps) ** 2).sum(axis=0)))[None, None]
    op = sense_op(maps, sampling_mask=np.broadcast_to(np.arange(48)[:, None] < 30, (1, *shape)), dtype=np.complex128)
    image = np.zeros((1, 1, *shape))
    image[..., 8:40, 10:38], image[..., 14:22, 16:30] = 1.0, 0.5
    y = op(image * np.exp(0.5j * y_axis[:, None])) + 1e-3 * np.random.default_rng(0).standard_normal(op.out_shape)
    values = []
    tv(op, y, weight=3e-3, n_iterations=1000, callback=lambda status: values.append(status.objective))
    assert values[99] < 1.03 * min(values)
    assert values[299] < 1.005 * min(values)
    assert values[-1] == min(values)


def test_the_scale_of_the_data_changes_nothing():
    op, _, y = problem()
    a, b = tv(op, y, weight=0.1, n_iterations=50), tv(op, 1e4 * y, weight=1e3, n_iterations=50)
    np.testing.assert_allclose(1e4 * a, b, atol=1e-6 * abs(b).max())


@pytest.mark.parametrize("shape", [(1, 20, 20), (10, 9, 8)])
def test_a_slope_costs_tgv_nothing_inside_and_tv_everywhere(shape):
    """Of a noisy ramp TGV finds the ramp, where TV makes stairs of it and flattens its ends."""
    op, ramp = identity(shape), np.broadcast_to(np.linspace(0, 2, shape[2]), shape)
    noisy = ramp + 0.1 * np.random.default_rng(0).standard_normal(shape)
    y = op(noisy.reshape(op.in_shape).astype(complex))
    by_tv, by_tgv = (f(op, y, weight=0.2, n_iterations=800)[0, 0] for f in (tv, tgv))
    assert np.linalg.norm(by_tgv - ramp) < 0.7 * np.linalg.norm(by_tv - ramp)
    assert np.linalg.norm(by_tgv - ramp) < 0.5 * np.linalg.norm(noisy - ramp)


def test_tgv_is_the_minimum_of_its_dual():
    """By optimality the value is ½ ‖y‖² - ½ ‖x‖², for y - x = ∇ᴴ p with p in the ball: the gap closes."""
    op, image = identity((1, 12, 12)), np.zeros((1, 1, 1, 12, 12), complex)
    image[..., 3:9, 2:7] = 1.0
    image += 0.1 * np.random.default_rng(0).standard_normal(image.shape)
    gaps = []
    for n in (1000, 3000):
        seen = []
        x = tgv(op, op(image), weight=0.1, n_iterations=n, callback=seen.append)
        gaps.append(seen[-1].objective / (0.5 * np.linalg.norm(image) ** 2 - 0.5 * np.linalg.norm(x) ** 2) - 1)
    assert abs(gaps[1]) < 1e-3
    assert abs(gaps[1]) < 0.4 * abs(gaps[0])


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("name", "ours"), [("T", tv), ("G", tgv)])
def test_bart_comes_to_the_same_image(bart, monkeypatch, name, ours):
    """BART's differences are circular: the object lies away from the border; its G has other weights inside."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    op, truth, _ = problem(shape=(1, 48, 40), n_coils=4, keep=0.6, dtype=np.complex64)
    truth[..., :6, :] = truth[..., -6:, :] = 0
    truth[..., :6] = truth[..., -6:] = 0
    y = op(truth.astype(np.complex64))
    bart.write(k=y[0], maps=op.coils.coil_sensitivities[0])
    bart("pics", "-e", "-w1", "-i400", f"-R{name}:3:0:0.02", "k", "maps", "out")
    theirs = bart.read("out").reshape(op.in_shape)
    x = ours(op, y, weight=0.02, n_iterations=600)
    turn = np.vdot(theirs, x) / abs(np.vdot(theirs, x))
    assert np.linalg.norm(x - turn * theirs) < 0.02 * np.linalg.norm(x)


def test_admm_with_wavelets_is_fista_with_wavelets():
    op, _, y = problem()
    details = Details(WaveletOp(op.in_shape, axes=(-2, -1), dtype=op.dtype), item_axis=-5)
    a = admm(op, y, details, weight=0.1, n_iterations=150)
    b = l1_wavelet(op, y, weight=0.1, cycle_spinning=False, n_iterations=800)
    c = primal_dual(op, y, details, weight=0.1, n_iterations=1500)
    assert np.linalg.norm(a - b) < 1e-3 * np.linalg.norm(b)
    assert np.linalg.norm(c - b) < 1e-3 * np.linalg.norm(b)


def test_admm_of_an_image_that_is_one_problem():
    op, _, y = problem(batch=2)
    together = TotalVariation(op, axes=(-5, -2, -1))
    a, b = (f(op, y, together, weight=0.1, n_iterations=n) for f, n in ((admm, 300), (primal_dual, 3000)))
    assert np.linalg.norm(a - b) < 3e-3 * np.linalg.norm(b)


def test_less_noise_with_than_without():
    op, truth, y = problem(keep=0.4, noise=0.1)
    errors = [
        np.linalg.norm(x - truth)
        for x in (tv(op, y, weight=0.0), tv(op, y, weight=0.15), tgv(op, y, weight=0.15, n_iterations=300))
    ]
    assert errors[1] < 0.6 * errors[0]
    assert errors[2] < 0.7 * errors[0]


def test_refusals(solve):
    op, _, y = problem()
    with pytest.raises(SpecError, match="weight"):
        solve(op, y, weight=-1.0)
    with pytest.raises(InputError, match="data"):
        solve(op, y[:, 1:], weight=1.0)
    with pytest.raises(ConvergenceError):
        solve(op, y * np.nan, weight=0.1)
    with pytest.raises(SpecError, match="balance"):
        tv(op, y, weight=0.1, balance=0.0)
    with pytest.raises(SpecError, match="second order"):
        tgv(op, y, weight=0.1, second_order=0.0)
    with pytest.raises(SpecError, match="inner step"):
        admm(op, y, TotalVariation(op), weight=0.1, n_inner=0)
    with pytest.raises(SpecError, match="complex images"):
        tv(GradientOp((3, 4)), np.zeros((2, 3, 4)), weight=0.1)
