"""29 measured spokes of gradients that were late: NLINV beside BART's, and what the delays are worth."""

import numpy as np
import pytest

import brain8
import radial_spokes
from scanmill.algorithms.calibration import compression_matrix, gradient_delays


@pytest.fixture(scope="module")
def spokes(data_folder):
    return radial_spokes.spokes(data_folder)


def assert_delays_help(k, fold):
    """Spokes held out agree better with the image of the others with the delays of the scanner than with none, and
    with delays of the other sign worst."""
    given, none, flipped = (radial_spokes.unforeseen(k, sign * radial_spokes.DELAYS, fold) for sign in (1, 0, -1))
    assert given < 0.6 * none
    assert none < 0.8 * flipped
    found = gradient_delays(k[0], radial_spokes.points())
    assert radial_spokes.unforeseen(k, found, fold) < 1.02 * given


def test_few_coils_foretell_other_spokes_better_with_the_delays(spokes):
    virtual = np.einsum("vc,bcs...->bvs...", compression_matrix(spokes[0], n_virtual=4), spokes)
    assert_delays_help(virtual.astype(np.complex64), 3)


@pytest.mark.long
@pytest.mark.parametrize("fold", range(radial_spokes.N_FOLDS))
def test_all_coils_foretell_other_spokes_better_with_the_delays(spokes, fold):
    assert_delays_help(spokes, fold)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_nlinv_of_29_spokes_is_that_of_bart(spokes, bart):
    image, _ = radial_spokes.reconstructed(spokes, radial_spokes.DELAYS, grid=radial_spokes.GRID_OF_BART)
    assert brain8.nrmse(image, radial_spokes.of_bart(bart, spokes)) < 0.1
