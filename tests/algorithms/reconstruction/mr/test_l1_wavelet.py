"""l1-wavelet SENSE: against its condition of optimality, PyWavelets, and itself one by one."""

import numpy as np
import pytest

from scanmill.algorithms.reconstruction.fista import fista
from scanmill.algorithms.reconstruction.fista_wavelet import Details
from scanmill.algorithms.reconstruction.mr import l1_wavelet
from scanmill.errors import ConvergenceError, InputError, SpecError
from scanmill.geometry import Trajectory
from scanmill.operators.sense import sense_op
from scanmill.operators.wavelet import WaveletOp
from small_sense import assert_certified, coils, problem, slope

IMAGE_AXES = (-3, -2, -1)


def transform_of(op, wavelet="db2", **knobs):
    return WaveletOp(op.in_shape, wavelet, axes=IMAGE_AXES, dtype=op.dtype, **knobs)


@pytest.mark.parametrize("n_sets", [1, 2])
def test_it_is_the_minimum(n_sets):
    op, _, y = problem(n_sets=n_sets)
    x = l1_wavelet(op, y, weight=0.1, cycle_spinning=False, coarsest=True, n_iterations=1200)
    W = transform_of(op)
    assert_certified(W(slope(op, y, x)), W(x), 0.1, lambda c: abs(c).sum(), lambda g: abs(g).max())


def test_the_coarsest_image_is_free_unless_asked():
    op, _, y = problem()
    x = l1_wavelet(op, y, weight=0.1, cycle_spinning=False, n_iterations=500)
    W = transform_of(op)
    c, g = W(x), W(slope(op, y, x))
    assert abs(g[W.coarsest]).max() <= 1e-5 * abs(g).max()
    c[W.coarsest] = g[W.coarsest] = 0
    assert_certified(g, c, 0.1, lambda c: abs(c).sum(), lambda g: abs(g).max())


def test_joint_sets_share_their_edges():
    op, _, y = problem(n_sets=2)
    x = l1_wavelet(op, y, weight=0.1, cycle_spinning=False, coarsest=True, joint_sets=True, n_iterations=500)
    W = transform_of(op)

    def lengths(c):
        return np.sqrt((abs(c) ** 2).sum(axis=1))

    assert_certified(W(slope(op, y, x)), W(x), 0.1, lambda c: lengths(c).sum(), lambda g: lengths(g).max())


def test_of_full_data_it_is_the_complex_soft_thresholding_of_pywavelets():
    pywt = pytest.importorskip("pywt")
    rng = np.random.default_rng(0)
    image = rng.standard_normal((1, 1, 1, 32, 48)) + 1j * rng.standard_normal((1, 1, 1, 32, 48))
    op = sense_op(np.ones((1, 1, 1, 1, 32, 48)), sampling_mask=np.ones((1, 1, 32, 48), bool), dtype=np.complex128)
    x = l1_wavelet(op, op(image), weight=0.4, wavelet="haar", n_levels=2, cycle_spinning=False, n_iterations=60)
    coarse, *details = pywt.wavedec2(image[0, 0, 0], "haar", mode="periodization", level=2)
    soft = [tuple(pywt.threshold(d, 0.4, "soft") for d in level) for level in details]
    theirs = pywt.waverec2([coarse, *soft], "haar", mode="periodization")
    np.testing.assert_allclose(x[0, 0, 0], theirs, atol=1e-6)


def test_a_batch_is_its_items_one_by_one_each_with_its_weight_and_its_end():
    op, _, y = problem(batch=3)
    y = y * np.array([1.0, 5.0, 0.2]).reshape(3, 1, 1, 1, 1)
    weights = np.array([0.02, 0.3, 0.01])
    knobs = {"n_iterations": 200, "change_tolerance": 1e-3, "cycle_spinning": False}
    whole = l1_wavelet(op, y, weight=weights, **knobs)
    single, _, _ = problem()
    lengths = []
    for item in range(3):
        seen = []
        alone = l1_wavelet(single, y[item : item + 1], weight=weights[item], **knobs, callback=seen.append)
        np.testing.assert_allclose(whole[item : item + 1], alone, atol=1e-10 * abs(alone).max())
        lengths.append(len(seen))
    assert len(set(lengths)) > 1


def test_cycle_spinning_is_seeded_and_takes_the_grid_out():
    op, truth, y = problem(keep=0.6, noise=0.1, seed=3)
    spun, again, other = (l1_wavelet(op, y, weight=0.12, seed=seed) for seed in (0, 0, 1))
    assert spun.tobytes() == again.tobytes()
    assert spun.tobytes() != other.tobytes()
    still = l1_wavelet(op, y, weight=0.12, cycle_spinning=False)
    assert np.linalg.norm(spun - truth) < 0.95 * np.linalg.norm(still - truth)


def test_a_radial_scan_with_its_dense_centre_does_not_diverge():
    """Where a step that is not from an eigenvalue diverged: 2.5 times the spokes, no density compensation."""
    points = Trajectory.radial(100, 64, matrix=32).points[0, 0]
    op = sense_op(coils(4, (1, 32, 32)).astype(np.complex64), points=points, normal="toeplitz")
    truth = np.zeros(op.in_shape, np.complex64)
    truth[..., 8:20, 10:24] = 1 + 0.5j
    seen = []
    x = l1_wavelet(op, op(truth), weight=1e-3, n_iterations=100, callback=seen.append)
    assert seen[-1].residual < 0.02
    assert np.linalg.norm(x - truth) < 0.1 * np.linalg.norm(truth)


def test_the_status_a_warm_start_and_a_known_norm():
    op, _, y = problem()
    seen = []
    x = l1_wavelet(op, y, weight=0.1, cycle_spinning=False, n_iterations=300, callback=seen.append)
    assert (np.diff([s.objective for s in seen]) <= 1e-12).all()
    assert seen[-1].residual == pytest.approx(np.linalg.norm(op(x) - y) / np.linalg.norm(y), rel=1e-6)
    warm = []
    l1_wavelet(op, y, weight=0.1, cycle_spinning=False, x0=x, norm=1.0, n_iterations=3, callback=warm.append)
    assert warm[0].objective <= seen[20].objective


def test_refusals():
    op, _, y = problem()
    with pytest.raises(SpecError, match="complex images"):
        l1_wavelet(WaveletOp((4, 4)), np.zeros((4, 4)), weight=0.1)
    with pytest.raises(SpecError, match="weight"):
        l1_wavelet(op, y, weight=-1.0)
    with pytest.raises(SpecError, match="one for every item"):
        l1_wavelet(op, y, weight=np.ones(3))
    with pytest.raises(SpecError, match="no bounds"):
        fista(op, y, Details(transform_of(op)), weight=0.1)
    with pytest.raises(InputError, match="data"):
        l1_wavelet(op, y[:, 1:], weight=0.1)
    with pytest.raises(ConvergenceError):
        l1_wavelet(op, y * np.nan, weight=0.1)
