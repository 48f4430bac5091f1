import numpy as np
import pytest
from skimage.transform.radon_transform import _get_fourier_filter

from scanmill.algorithms.filtering import ramp_filter, ramp_response
from scanmill.algorithms.filtering.ramp import ramp_kernel
from scanmill.errors import SpecError


@pytest.mark.parametrize("window", ["ram-lak", "shepp-logan", "cosine", "hamming", "hann"])
def test_the_response_is_scikit_images(window):
    theirs = _get_fourier_filter(128, "ramp" if window == "ram-lak" else window).ravel()[:65]
    if window in ("cosine", "hamming", "hann"):  # scikit-image samples these from -1/2, half a sample beside
        np.testing.assert_allclose(2 * ramp_response(128, 1.0, window=window), theirs, atol=0.02)
    else:
        np.testing.assert_allclose(2 * ramp_response(128, 1.0, window=window)[:64], theirs[:64], rtol=1e-9)


def test_the_ramp_is_near_the_frequency_and_not_zero_at_zero():
    response = ramp_response(256, 0.5)
    f = np.fft.rfftfreq(256, 0.5)
    np.testing.assert_allclose(response[4:], f[4:], rtol=1e-2)
    assert 0 < response[0] < f[1]


def test_filtering_is_the_convolution_with_the_kernel_and_no_period_reaches_the_next():
    p = np.random.default_rng(0).standard_normal((3, 2, 37))
    kernel = ramp_kernel(74, 0.7)
    whole = np.concatenate([kernel[-36:], kernel[:37]])
    expected = 0.7 * np.stack([np.convolve(line, whole)[36:73] for line in p.reshape(6, 37)]).reshape(p.shape)
    np.testing.assert_allclose(ramp_filter(p, 0.7), expected, atol=1e-12)
    assert ramp_filter(p.astype(np.float32), 0.7).dtype == np.float32


def test_the_cutoff_cuts():
    response = ramp_response(100, 1.0, window="hann", cutoff=0.4)
    assert (response[:20] > 0).all()
    np.testing.assert_allclose(response[20:], 0, atol=1e-12)


def test_blocks_give_the_same_bytes(monkeypatch):
    from scanmill.algorithms.filtering import ramp

    p = np.random.default_rng(0).standard_normal((5, 2, 33)).astype(np.float32)
    whole = ramp_filter(p, 1.0)
    monkeypatch.setattr(ramp, "BLOCK_SAMPLES", 200)
    assert ramp_filter(p, 1.0).tobytes() == whole.tobytes()


def test_what_it_refuses():
    for wrong in ({"window": "sharp"}, {"cutoff": 0.0}, {"cutoff": 1.5}):
        with pytest.raises(SpecError):
            ramp_response(64, 1.0, **wrong)
