import numpy as np
import pytest

from scanmill.operators.wavelet import SCALING, WaveletOp

pywt = pytest.importorskip("pywt")


@pytest.mark.parametrize("name", SCALING)
def test_the_filters_are_those_of_pywavelets(name):
    np.testing.assert_allclose(SCALING[name], pywt.Wavelet(name).rec_lo, atol=1e-10)


@pytest.mark.parametrize("name", SCALING)
@pytest.mark.parametrize("shape", [(64,), (16, 24), (8, 16, 8)])
def test_a_level_is_pywavelets_at_another_phase(name, shape):
    """Each band is theirs, rolled, and up to the sign of details."""
    x = np.random.default_rng(0).standard_normal(shape)
    ours = WaveletOp(shape, name, n_levels=1, dtype=np.float64)(x)
    n = len(SCALING[name])
    moved = np.roll(x, [1 - n // 2] * len(shape), range(len(shape)))
    theirs = pywt.dwtn(moved, name, mode="periodization")
    for band, values in theirs.items():
        half = tuple(slice(m // 2) if b == "a" else slice(m // 2, None) for b, m in zip(band, shape, strict=True))
        sign = (-1.0) ** band.count("d")
        errors = [abs(ours[half] - s * values).max() for s in (1.0, sign)]
        assert min(errors) < 1e-9, (band, errors)


@pytest.mark.parametrize("name", SCALING)
@pytest.mark.parametrize("shape", [(1, 32, 40), (5, 17, 13), (3, 4, 6), (1, 1, 2), (1, 1, 1)])
def test_every_shape_has_an_orthonormal_transform(name, shape):
    op = WaveletOp(shape, name, dtype=np.float64)
    matrix = np.array([op(e.reshape(shape)).ravel() for e in np.eye(int(np.prod(shape)))])
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(len(matrix)), atol=1e-12)


def test_polynomials_have_no_details_within():
    """As many moments of the wavelet vanish as its filter has pairs."""
    x = (np.arange(64.0) / 64) ** 3
    details = WaveletOp((64,), "db4", n_levels=1, dtype=np.float64)(x)[32:]
    np.testing.assert_allclose(details[:-4], 0, atol=1e-12)
    assert abs(WaveletOp((64,), "db2", n_levels=1, dtype=np.float64)(x)[32:-4]).max() > 1e-7


def test_a_flat_image_lies_in_its_coarsest_corner():
    op = WaveletOp((2, 32, 32), "db2", dtype=np.float64)
    coefficients = op(np.ones(op.in_shape))
    assert coefficients[op.coarsest].shape == (2, 2, 2)
    coefficients[op.coarsest] = 0
    np.testing.assert_allclose(coefficients, 0, atol=1e-12)


@pytest.mark.parametrize("shape", [(1, 17, 14), (6, 9, 32)])
def test_its_bands_and_the_coarsest_image_are_all_coefficients_once(shape):
    op = WaveletOp(shape, "db2", dtype=np.float64)
    counts = np.zeros(shape, int)
    for band in [op.coarsest, *op.details]:
        assert counts[band].size
        counts[band] += 1
    assert (counts == 1).all()
