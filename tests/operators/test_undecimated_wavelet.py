import numpy as np
import pytest

import laws
from scanmill.errors import SpecError
from scanmill.operators.undecimated_wavelet import UndecimatedWaveletOp
from scanmill.operators.wavelet import SCALING

pywt = pytest.importorskip("pywt")


@pytest.mark.parametrize("name", SCALING)
def test_its_bands_are_those_of_pywavelets_moved(name):
    """Up to a shift and the sign of details, which the size of the spectrum does not see."""
    x = np.random.default_rng(0).standard_normal((32, 48))
    ours = UndecimatedWaveletOp(x.shape, name, n_levels=2, dtype=np.float64)(x)
    coarsest, *levels = pywt.swt2(x, name, level=2, trim_approx=True, norm=True)
    theirs = [coarsest, *(band for (cH, cV, cD) in levels for band in (cV, cH, cD))]
    assert len(ours) == len(theirs) == 7
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(abs(np.fft.fft2(one)), abs(np.fft.fft2(other)), atol=1e-8)


@pytest.mark.parametrize("shape", [(1, 20, 31), (5, 9, 6), (2, 3, 1), (1, 1, 1)])
def test_it_is_a_tight_frame(shape):
    op = UndecimatedWaveletOp(shape, "db2", dtype=np.complex128)
    x = laws.noise(shape, np.complex128)
    np.testing.assert_allclose(op.H(op(x)), x, atol=1e-12)


def test_it_moves_with_the_image():
    x = laws.noise((2, 1, 24, 20), np.float64)
    op = UndecimatedWaveletOp(x.shape, "db3", n_levels=2, axes=(-2, -1), dtype=np.float64)
    moved = op(np.roll(x, (5, -3), (-2, -1)))
    np.testing.assert_allclose(moved, np.roll(op(x), (5, -3), (-2, -1)), atol=1e-13)


def test_a_batch_is_its_images_one_by_one():
    x = laws.noise((3, 1, 16, 20), np.float64)
    together = UndecimatedWaveletOp(x.shape, axes=(-3, -2, -1), dtype=np.float64)(x)
    alone = UndecimatedWaveletOp(x.shape[1:], dtype=np.float64)(x[2])
    np.testing.assert_array_equal(together[:, 2], alone)


@pytest.mark.parametrize("knobs", [{"wavelet": "coif1"}, {"n_levels": 0}])
def test_unknown_knobs_are_refused(knobs):
    with pytest.raises(SpecError):
        UndecimatedWaveletOp((1, 8, 8), **knobs)
