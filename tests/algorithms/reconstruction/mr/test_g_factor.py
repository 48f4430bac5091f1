import numpy as np
import pytest

import brain8
from scanmill.algorithms.reconstruction.mr import cg_sense, combine_coils, pseudo_replica, sense_g_factor, zero_filled
from scanmill.errors import InputError, SpecError
from scanmill.operators.sense import sense_op
from scanmill.phantoms.sampling_masks import caipi


def random(*shape, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


@pytest.mark.parametrize(("acceleration", "shift"), [((2, 1), 0), ((1, 3), 0), ((2, 3), 0), ((2, 2), 1), ((1, 6), 2)])
def test_it_is_the_noise_of_the_inverse_of_the_encoding_matrix(acceleration, shift):
    """√(diag (Eᴴ E)⁻¹ over that of the full matrix, by R), from a dense E and nothing about folding."""
    shape, n_coils = (12, 6), 7
    maps = random(1, 1, n_coils, 1, *shape)
    mask = caipi(shape, acceleration, shift=shift)[None]
    fourier = np.kron(*(centred(n) for n in shape))
    full = np.vstack([fourier * coil.ravel() for coil in maps[0, 0]])
    part = np.vstack([mask.ravel()[:, None] * fourier * coil.ravel() for coil in maps[0, 0]])
    noise = [np.diag(np.linalg.inv(e.conj().T @ e)).real for e in (part, full)]
    truth = np.sqrt(noise[0] / noise[1] * mask.sum() / mask.size)
    np.testing.assert_allclose(sense_g_factor(maps, mask).ravel(), truth, rtol=1e-8)


def centred(n):
    r = np.arange(n) - n // 2
    return np.exp(-2j * np.pi * np.outer(r, r) / n) / np.sqrt(n)


def test_voxels_that_no_coil_sees_are_zero_and_those_that_coils_cannot_tell_apart_infinite():
    maps = random(1, 1, 3, 1, 8, 2)
    maps[..., 1, 0] = 0
    maps[..., 6, 0] = maps[..., 2, 0]
    mask = np.broadcast_to((np.arange(8) % 2 == 0)[:, None], (1, 8, 2))
    g = sense_g_factor(maps, mask)[0, 0, 0, :, 0]
    assert g[1] == 0
    assert g[5] == pytest.approx(1.0)
    assert np.isinf(g[[2, 6]]).all()
    assert np.isfinite(g[[0, 3, 4, 7]]).all()
    assert (g[[0, 3, 4, 7]] >= 1).all()


def test_two_sets_of_maps_are_unknowns_of_their_own():
    maps = random(2, 2, 6, 1, 4, 2)
    g = sense_g_factor(maps, np.broadcast_to((np.arange(4) % 2 == 0)[:, None], (1, 4, 2)))
    S = np.stack([maps[1, s, :, 0, y, 1] for y in (1, 3) for s in (0, 1)], axis=1)
    gram = S.conj().T @ S
    truth = np.sqrt((np.diag(np.linalg.inv(gram)) * np.diag(gram)).real)
    np.testing.assert_allclose(g[1, :, 0, 1, 1], truth[:2], rtol=1e-8)


def test_for_the_maps_of_a_real_head_it_is_that_of_pygrappa(brain8_full, bart):
    pygrappa = pytest.importorskip("pygrappa")
    bart.write(k=brain8_full[0])
    bart("ecalib", "-m1", "-r", 24, "k", "maps")
    maps = abs(bart.read("maps").reshape(1, 1, 8, *brain8.SHAPE)[..., ::2, ::2])  # the peer drops imaginary parts
    mask = np.zeros((1, 115, 90), bool)
    mask[:, ::5] = True
    ours = sense_g_factor(maps, mask)[0, 0, 0]
    theirs = pygrappa.gfactor(maps[0, 0, :, 0].astype(float), 5, 1, coil_axis=0)
    seen = theirs > 0
    assert 0.2 < seen.mean() < 1
    np.testing.assert_array_equal(ours > 0, seen)
    sane = seen & (theirs < 100)
    np.testing.assert_allclose(ours[sane], theirs[sane], rtol=1e-4)


def test_pseudo_replicas_of_sense_come_to_it():
    maps = random(1, 1, 6, 1, 16, 4)
    mask = caipi((16, 4), (2, 2), shift=1)[None]
    op = sense_op(maps, sampling_mask=mask[None], dtype=np.complex128)
    zeros = np.zeros(op.out_shape, complex)
    part = pseudo_replica(
        lambda y: cg_sense(op, y, n_iterations=100, gradient_tolerance=1e-4), zeros, sampling_mask=mask, n_replicas=100
    )
    full = pseudo_replica(lambda y: combine_coils(zero_filled(y), maps), zeros, n_replicas=100)
    g = part / full / 2
    truth = sense_g_factor(maps, mask)
    assert abs(g / truth - 1).max() < 5 / np.sqrt(2 * 100)
    assert np.mean(g / truth) == pytest.approx(1, abs=0.02)
    assert np.mean(truth) > 1.1


def test_pseudo_replicas_know_the_noise_of_a_sum_and_are_repeatable():
    y = np.zeros((2, 3), np.complex64)
    once = [pseudo_replica(lambda k: k.sum(axis=0), y, n_replicas=400, noise=0.1, seed=3) for _ in range(2)]
    np.testing.assert_array_equal(*once)
    np.testing.assert_allclose(once[0], np.sqrt(2), rtol=0.15)
    magnitude = pseudo_replica(lambda k: abs(k + 100).real, y, n_replicas=400)
    np.testing.assert_allclose(magnitude, np.sqrt(0.5), rtol=0.15)


def test_refusals():
    maps = random(1, 1, 2, 1, 8, 8)
    for mask in (np.random.default_rng(0).random((1, 8, 8)) < 0.5, np.arange(8) % 3 == np.zeros((1, 8, 1))):
        with pytest.raises(InputError, match="regular lattice"):
            sense_g_factor(maps, np.broadcast_to(mask, (1, 8, 8)))
    with pytest.raises(InputError, match="with samples"):
        sense_g_factor(maps, np.zeros((1, 8, 8), bool))
    with pytest.raises(InputError, match="do not fit"):
        sense_g_factor(maps, np.ones((1, 8, 6), bool))
    with pytest.raises(SpecError, match="at least two"):
        pseudo_replica(abs, maps, n_replicas=1)
