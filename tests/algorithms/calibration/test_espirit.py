"""ESPIRiT against true coils, BART and SigPy."""

import numpy as np
import pytest

from scanmill.algorithms.calibration import espirit
from scanmill.algorithms.calibration.calibration_matrix import calibration_matrix, noise_sigma, row_space
from scanmill.algorithms.calibration.leading_eigenvectors import leading_eigenvectors
from scanmill.algorithms.calibration.shrinkage import sure_threshold
from scanmill.errors import InputError, SpecError
from scanmill.geometry import VolumeGeometry
from scanmill.operators.fourier import FourierOp
from scanmill.phantoms import Ellipsoid, Phantom, shepp_logan_2d
from scanmill.phantoms.coils import CoilArray
from scanmill.phantoms.kspace import acquire_kspace

IMAGE = (1, 96, 80)
BART_THRESHOLD = 0.001**0.5
"""BART's own default is a share of σ²."""


def middle(kspace, width=24):
    ny, nx = kspace.shape[-2:]
    return kspace[..., ny // 2 - width // 2 : ny // 2 + width // 2, nx // 2 - width // 2 : nx // 2 + width // 2]


def left_over(coil_images, maps):
    """What no combination of maps (set, coil, z, y, x) explains of images (coil, z, y, x), relative."""
    seen = np.einsum("sczyx,czyx->szyx", maps.conj(), coil_images)
    inside = abs(maps[0]).sum(axis=0) > 0
    rest = (coil_images - np.einsum("sczyx,szyx->czyx", maps, seen))[:, inside]
    return np.linalg.norm(rest) / np.linalg.norm(coil_images[:, inside])


@pytest.mark.parametrize("threshold", [None, BART_THRESHOLD])
def test_maps_are_the_true_sensitivities(scan, threshold):
    maps, eigenvalues = espirit(scan.calibration(), IMAGE, threshold=threshold)
    assert maps.shape == (1, 1, 6, *IMAGE)
    assert maps.dtype == np.complex64
    agreement = scan.agreement(maps[0, 0])
    assert agreement.mean() > 0.999
    assert np.percentile(agreement, 2) > 0.99
    assert np.median(eigenvalues[0, 0][scan.inside]) > 0.95
    norms = np.sqrt((abs(maps[0, 0]) ** 2).sum(axis=0))
    np.testing.assert_allclose(norms[norms > 0], 1, rtol=1e-5)


def test_maps_explain_the_coil_images(scan):
    maps = espirit(scan.calibration(), IMAGE).coil_sensitivities
    known = np.where(abs(maps[0]).sum(axis=1) > 0, scan.sensitivities, 0)[None]
    assert left_over(scan.images[0], maps[0]) < 1.02 * left_over(scan.images[0], known), "the rest is noise"


def test_the_phase_goes_on_smoothly(scan):
    maps = espirit(scan.calibration(), IMAGE).coil_sensitivities[0, 0, :, 0]
    found = (scan.sensitivities[:, 0].conj() * maps).sum(axis=0)
    steps = np.angle(found[1:] * found[:-1].conj())[scan.inside[0, 1:] & scan.inside[0, :-1]]
    assert abs(steps).max() < 0.3


@pytest.mark.parametrize(("n_sets", "words"), [(1, ()), (2, ("-m2",))])
def test_the_maps_of_a_head_are_those_of_bart(brain8_full, bart, n_sets, words):
    bart.write(full=brain8_full[0])
    bart("ecalib", "-r24", *(words or ("-m1",)), "full", "maps")
    theirs = bart.read("maps").reshape(n_sets, 8, 1, 230, 180)
    ours = espirit(middle(brain8_full), (1, 230, 180), n_sets=n_sets, threshold=BART_THRESHOLD)[0][0]
    np.testing.assert_array_less(np.mean((abs(theirs).sum(1) > 0) != (abs(ours).sum(1) > 0)), 1e-3)
    first = np.einsum("czyx,czyx->zyx", theirs[0].conj(), ours[0])
    both = (abs(theirs[0]).sum(0) > 0) & (abs(ours[0]).sum(0) > 0)
    assert abs(first[both]).mean() > 0.9999
    assert np.percentile(abs(first[both]), 1) > 0.999
    turn = first[both].mean()
    assert abs(turn) > 0.999, "the phase differs by one number"
    if n_sets == 2:
        both = (abs(theirs[1]).sum(0) > 0) & (abs(ours[1]).sum(0) > 0)
        shared = (abs(np.einsum("sczyx,tczyx->stzyx", theirs.conj(), ours)) ** 2).sum(axis=(0, 1))
        assert both.any()
        np.testing.assert_allclose(shared[both], 2, atol=1e-3)


def test_soft_weights_are_those_of_bart(brain8_full, bart):
    bart.write(full=brain8_full[0])
    bart("ecalib", "-r24", "-m1", "-W", "full", "maps")
    theirs = bart.read("maps").reshape(8, 1, 230, 180)
    ours = espirit(middle(brain8_full), (1, 230, 180))[0][0, 0]
    both = (abs(theirs).sum(0) > 0) & (abs(ours).sum(0) > 0)
    assert both.mean() > 0.95 * (abs(theirs).sum(0) > 0).mean()
    assert abs((theirs.conj() * ours).sum(axis=0))[both].mean() > 0.9999


def test_the_maps_of_a_head_are_those_of_sigpy(brain8_full):
    mr = pytest.importorskip("sigpy.mri", reason="SigPy is not installed")
    app = mr.app.EspiritCalib(brain8_full[0, :, 0], calib_width=24, thresh=BART_THRESHOLD, kernel_width=6, crop=0.8,
                              max_iter=30, show_pbar=False)  # fmt: skip
    theirs = app.run()[:, None]
    ours = espirit(middle(brain8_full), (1, 230, 180), threshold=BART_THRESHOLD)[0][0, 0]
    both = (abs(theirs).sum(0) > 0) & (abs(ours).sum(0) > 0)
    assert both.mean() > 0.8
    assert abs((theirs.conj() * ours).sum(axis=0))[both].mean() > 0.999


def test_a_second_set_explains_what_wraps():
    """An object longer than the field of view: two places with different coils fall on one voxel."""
    grid = VolumeGeometry.centered((1, 64, 96), (2.4, 2.4, 5.0))
    coils = CoilArray.loops(6, body_mm=100.0)
    k = acquire_kspace(shepp_logan_2d(unit=1.0), grid, coils, noise_covariance=1e-4 * np.eye(6)).array[0]
    images = FourierOp(k.shape).H(k)[0]
    one, two = (espirit(middle(k), grid.shape, n_sets=n).coil_sensitivities[0] for n in (1, 2))
    assert (abs(two[1]).sum(axis=0) > 0).any()
    assert left_over(images, two) < 0.5 * left_over(images, one)


def test_three_dimensions():
    grid = VolumeGeometry.centered((20, 24, 22), (9.0, 8.0, 9.0))
    coils, ball = CoilArray.loops(4, body_mm=90.0), Phantom((Ellipsoid((5.0, 0.0, -4.0), (70.0, 75.0, 66.0), 1.0),))
    k = acquire_kspace(ball, grid, coils, encodes_z=True).array[0]
    cut = k[:, :, 3:17, 5:19, 4:18]
    maps = espirit(cut, grid.shape, kernel_width=4, threshold=0.01).coil_sensitivities[0, 0]
    true = coils.values(grid.voxel_points())
    true /= np.sqrt((abs(true) ** 2).sum(axis=0))
    inside = ball.voxels(grid).array > 0.99
    assert abs((true.conj() * maps).sum(axis=0))[inside].mean() > 0.995


def test_a_batch_comes_out_as_one_by_one(scan):
    first, second = scan.calibration(), scan.calibration(20)
    batch = np.concatenate([first, np.roll(first, 1, axis=1)])
    together = espirit(batch, IMAGE)
    np.testing.assert_array_equal(together[0][:1], espirit(batch[:1], IMAGE)[0])
    np.testing.assert_array_equal(together[0][1:], espirit(batch[1:], IMAGE)[0])
    assert second.shape[-1] == 20


def test_smooth_maps_fade_where_hard_ones_end(scan):
    hard, values = espirit(scan.calibration(), IMAGE)
    soft, _ = espirit(scan.calibration(), IMAGE, is_smooth=True)
    size = np.sqrt((abs(soft[0, 0]) ** 2).sum(axis=0))
    assert ((size > 0.01) & (size < 0.99)).any()
    assert (np.diff(size.ravel()[np.argsort(values[0, 0].ravel())]) >= -1e-6).all()
    sure = values[0, 0] > 0.97
    assert size[sure].min() > 0.95
    assert (abs(hard[0, 0]).sum(axis=0) > 0)[sure].all()


@pytest.mark.parametrize("n", [1, 3])
def test_leading_eigenvectors_are_those_of_lapack(n):
    rng = np.random.default_rng(0)
    half = rng.standard_normal((300, 6, 6)) + 1j * rng.standard_normal((300, 6, 6))
    Q = np.linalg.qr(half)[0]
    spectrum = np.sort(rng.random((300, 6)), axis=1)
    spectrum[:, -1] = spectrum[:, -2] + 0.05
    matrices = ((Q * spectrum[:, None]) @ Q.conj().swapaxes(1, 2)).astype(np.complex64)
    values, vectors = leading_eigenvectors(matrices, n)
    expected = spectrum[:, ::-1][:, :n]
    np.testing.assert_allclose(values, expected, atol=2e-6)
    np.testing.assert_allclose(matrices @ vectors, vectors * values[:, None], atol=3e-6)


def test_matrices_of_nothing_do_no_harm():
    values, vectors = leading_eigenvectors(np.zeros((2, 3, 3), np.complex64), 1)
    assert not values.any()
    assert np.isfinite(vectors).all()


@pytest.mark.parametrize("sigma", [0.02, 0.3])
def test_noise_is_told_from_the_singular_values(make_scan, sigma):
    block = make_scan(sigma=sigma).calibration()[0]
    rows = row_space(block, (1, 6, 6))
    assert noise_sigma(rows, block.shape, (1, 6, 6)) == pytest.approx(sigma, rel=0.15)


def test_the_rows_are_the_blocks_of_all_coils():
    block = np.random.default_rng(1).standard_normal((2, 1, 5, 6))
    A = calibration_matrix(block, (1, 3, 2))
    assert A.shape == (3 * 5, 2 * 6)
    np.testing.assert_array_equal(A[7], np.concatenate([block[c, 0, 1:4, 2:4].ravel() for c in (0, 1)]))
    np.testing.assert_allclose(row_space(block, (1, 3, 2)).singular_values, np.linalg.svd(A)[1], rtol=1e-6)


def test_the_threshold_is_near_the_best_that_knowing_the_truth_could_find():
    rng = np.random.default_rng(2)

    def noise(*shape):
        return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / np.sqrt(2)

    truth = 3 * noise(80, 5) @ noise(5, 40)
    U, s, Vh = np.linalg.svd(truth + 0.5 * noise(80, 40), full_matrices=False)
    errors = {cut: np.linalg.norm((U * np.maximum(s - cut, 0)) @ Vh - truth) for cut in np.linspace(0.1, 20, 200)}
    chosen = sure_threshold(s, (80, 40), 0.5)
    assert np.linalg.norm((U * np.maximum(s - chosen, 0)) @ Vh - truth) < 1.02 * min(errors.values())


def test_bad_regions_and_knobs_are_refused(scan):
    block = scan.calibration()
    with pytest.raises(InputError, match="smaller than the kernel"):
        espirit(block[..., :4], IMAGE)
    with pytest.raises(InputError, match="no signal"):
        espirit(np.zeros_like(block), IMAGE)
    with pytest.raises(InputError, match="finite"):
        espirit(np.where(np.arange(24) == 3, np.nan, block), IMAGE)
    with pytest.raises(InputError, match="another shape"):
        espirit(block, IMAGE, n_sets=7)
    for knobs in ({"n_sets": 0}, {"kernel_width": 1}, {"crop": 1.0}, {"threshold": -0.1}):
        with pytest.raises(SpecError):
            espirit(block, IMAGE, **knobs)
