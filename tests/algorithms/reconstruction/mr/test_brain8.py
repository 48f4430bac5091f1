"""A real head, fully sampled and then undersampled: side by side with BART and pygrappa.

The truth is the combination of the fully sampled coils by ESPIRiT maps of the full data; all reconstructions use the
maps of the undersampled data's own middle. Each method has the better of its weights on one grid of weights. Scores are
of magnitudes inside the head, after a fit by one number.
"""

from functools import partial

import pytest

import brain8
import mr_peers
from scanmill.algorithms.reconstruction.mr import combine_coils, grappa, spirit, zero_filled
from scanmill.operators.sense import sense_op

TOLERANCE_DB = 0.1
TOLERANCE_SSIM = 0.001
USUAL = {"SENSE": 0.01, "l1-ESPIRiT": 0.003}
"""A good weight for both patterns."""


def scores(image, truth):
    """(PSNR, SSIM)."""
    return brain8.psnr(image, truth), brain8.ssim(image, truth)


def assert_as_good(ours, theirs):
    assert ours[0] > theirs[0] - TOLERANCE_DB
    assert ours[1] > theirs[1] - TOLERANCE_SSIM


@pytest.fixture(scope="module")
def truth(brain8_full):
    return brain8.truth_of(brain8_full)


@pytest.fixture(scope="module", params=["2x2", "poisson"])
def scan(request, brain8_full, data_folder):
    """K-space of norm 100, its mask, and maps from its middle."""
    mask = brain8.sampling_mask(request.param, data_folder)
    k = brain8.normed(brain8_full * mask)
    return k, mask, brain8.maps_of(k, mask)


@pytest.fixture
def both(scan, bart, truth):
    """Our scores and BART's of a method with a weight."""
    k, mask, maps = scan
    op = sense_op(maps, sampling_mask=mask[None])
    bart.write(k=k[0], maps=maps[0])

    def compare(method, weight):
        theirs = mr_peers.of_bart(bart, method, weight, op.in_shape)
        return scores(mr_peers.ours(method, op, k, weight), truth), scores(theirs, truth)

    return compare


@pytest.mark.parametrize("method", mr_peers.WEIGHTS)
def test_with_a_usual_weight_it_is_as_good_as_bart(both, method):
    assert_as_good(*both(method, USUAL[method]))


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("method", mr_peers.WEIGHTS)
def test_with_the_better_of_its_weights_it_is_as_good_as_bart_with_the_better_of_its(both, method):
    weights = mr_peers.WEIGHTS[method]
    ours, theirs = zip(*(both(method, weight) for weight in weights), strict=True)
    for curve in (ours, theirs):
        assert max(curve) not in (curve[0], curve[-1]), "the grid of weights ends before the best"
    assert_as_good(max(ours), max(theirs))


@pytest.mark.long
@pytest.mark.parametrize("scan", ["2x2"], indirect=True)
@pytest.mark.parametrize("method", [grappa, partial(spirit, n_iterations=15)], ids=["grappa", "spirit"])
def test_the_methods_without_maps_are_as_good_as_pygrappa(scan, truth, method):
    pytest.importorskip("pygrappa")
    k, mask, maps = scan
    both = method(k, mask), mr_peers.grappa_of_pygrappa(k)
    assert_as_good(*(scores(combine_coils(zero_filled(full), maps), truth) for full in both))
