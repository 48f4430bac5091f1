"""The width of an edge blurred by a known Gaussian is 2.563 sigma, whatever its direction."""

import numpy as np
import pytest
from scipy.special import ndtr

from scanmill.algorithms.quality import edge_width
from scanmill.algorithms.quality.edge_width import WIDTH_OF_GAUSSIAN
from scanmill.errors import InputError


def edge(sigma, angle_deg, shape=(96, 96), offset=0.3):
    y, x = np.indices(shape) - np.asarray(shape).reshape(2, 1, 1) / 2
    a = np.deg2rad(angle_deg)
    return ndtr((x * np.cos(a) + y * np.sin(a) - offset) / sigma)


@pytest.mark.parametrize("sigma", [0.8, 1.5, 2.2])
@pytest.mark.parametrize("angle_deg", [0, 17, 45, 100, 230])
def test_a_straight_edge(sigma, angle_deg):
    assert edge_width(edge(sigma, angle_deg)) == pytest.approx(WIDTH_OF_GAUSSIAN * sigma, rel=0.03)


def test_millimetres_and_contrast_only_scale():
    image = edge(1.5, 30)
    assert edge_width(0.02 - 0.02 * image, spacing_mm=0.4) == pytest.approx(0.4 * WIDTH_OF_GAUSSIAN * 1.5, rel=0.03)


@pytest.mark.parametrize("sigma", [1.0, 2.0])
def test_a_noisy_edge(sigma):
    image = edge(sigma, 33) + np.random.default_rng(0).normal(0, 0.03, (96, 96))
    assert edge_width(image) == pytest.approx(WIDTH_OF_GAUSSIAN * sigma, rel=0.1)


def test_a_disc_in_several_planes():
    """The radial profile of a blurred large disc is nearly that of a straight edge."""
    y, x = np.indices((128, 128)) - 63.5
    disc = ndtr((40 - np.hypot(x, y)) / 1.5)
    assert edge_width(np.stack([disc, 0 * disc, disc])) == pytest.approx(WIDTH_OF_GAUSSIAN * 1.5, rel=0.04)


def test_nothing_to_measure_is_refused():
    with pytest.raises(InputError, match="too few edges"):
        edge_width(np.zeros((64, 64)))
    with pytest.raises(InputError, match="too small"):
        edge_width(np.zeros((16, 64)))
