"""The centred transform against NumPy's, with the shifts that define it."""

import numpy as np
import pytest

import laws
from scanmill.errors import InputError, SpecError
from scanmill.kernels import launch
from scanmill.operators.fourier import FourierOp


@pytest.mark.parametrize("shape", [(2, 3, 1, 6, 8), (2, 5, 7, 9), (4, 6, 5), (1, 2, 1, 1, 1)])
@pytest.mark.parametrize("axes", [(-3, -2, -1), (-1,), (0, -1)])
def test_it_is_numpys_between_two_shifts(shape, axes):
    x = laws.noise(shape, np.complex128)
    op = FourierOp(shape, axes, dtype=np.complex128)
    expected = np.fft.fftshift(np.fft.fftn(np.fft.ifftshift(x, axes), axes=axes, norm="ortho"), axes)
    np.testing.assert_allclose(op(x), expected, atol=1e-13)
    np.testing.assert_allclose(op.H(op(x)), x, atol=1e-13)


def test_single_precision_stays_so():
    x = laws.noise((3, 1, 30, 25), np.complex64)
    op = FourierOp(x.shape)
    assert op(x).dtype == np.complex64
    assert laws.norm(op.H(op(x)) - x) < 1e-6 * laws.norm(x)


def test_the_results_do_not_depend_on_the_threads():
    x = laws.noise((5, 1, 64, 48), np.complex64)
    op = FourierOp(x.shape)
    with launch.threads(1):
        one = op(x)
    np.testing.assert_array_equal(op(x), one)


def test_what_it_cannot_do_is_refused():
    with pytest.raises(SpecError):
        FourierOp((1, 4, 4), dtype=np.float32)
    with pytest.raises(InputError):
        FourierOp((4, 4))
