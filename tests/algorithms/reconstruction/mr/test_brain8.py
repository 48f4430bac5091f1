"""A real head, fully sampled and then undersampled: side by side with BART and pygrappa.

The truth is the combination of the fully sampled coils by ESPIRiT maps of the full data; all reconstructions use the
maps of the undersampled data's own middle. Each method has the better of its weights on one grid of weights. Scores are
of magnitudes inside the head, after a fit by one number.
"""

from functools import partial

import numpy as np
import pytest

import brain8
from scanmill.algorithms.calibration import calibration_region, espirit
from scanmill.algorithms.reconstruction.mr import cg_sense, combine_coils, grappa, l1_wavelet, spirit, zero_filled
from scanmill.operators.sense import sense_op

WEIGHTS = {"l2": (0.001, 0.003, 0.01, 0.03, 0.1), "l1": (0.0003, 0.001, 0.003, 0.01)}
"""Of the squares and of the wavelets, for k-space of norm 100."""
TOLERANCE_DB = 0.1
TOLERANCE_SSIM = 0.002

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


def ssim(image, reference):
    """Mean structural similarity inside the head."""
    metrics = pytest.importorskip("skimage.metrics")
    pair = (x[0, 0, 0] for x in (brain8.fitted(image, reference), abs(reference)))
    _, local = metrics.structural_similarity(*pair, data_range=abs(reference).max(), full=True)
    return float(local[brain8.head(reference)[0, 0, 0]].mean())


def best(images, reference):
    """(PSNR, SSIM) of the image of best PSNR."""
    return max((brain8.psnr(image, reference), ssim(image, reference)) for image in images)


def maps_of(kspace, mask):
    return espirit(kspace[(..., *calibration_region(mask))], brain8.SHAPE).coil_sensitivities


@pytest.fixture(scope="module", params=["2x2", "poisson"])
def scan(request, brain8_full, data_folder):
    """K-space of norm 100, its mask, maps from its middle, and the truth."""
    if request.param == "2x2":
        mask = brain8.mask_2x2()
    else:
        measured = np.fromfile(data_folder / "mr_kspace_brain8" / "ksp.cfl", np.complex64)
        mask = (measured.reshape((180, 230, 8), order="F") != 0).any(axis=2).T[None]
    full = np.zeros_like(brain8_full)
    middle = (..., slice(91, 139), slice(66, 114))
    full[middle] = brain8_full[middle]
    truth = combine_coils(zero_filled(brain8_full), espirit(full[middle], brain8.SHAPE).coil_sensitivities)
    k = brain8_full * mask
    return request.param, k * np.float32(100 / np.linalg.norm(k)), mask, maps_of(k, mask), truth


def test_each_is_at_least_as_good_as_that_of_bart(scan, bart):
    name, k, mask, maps, truth = scan
    op = sense_op(maps, sampling_mask=mask[None])
    bart.write(k=k[0], maps=maps[0])
    ours = {
        "l2": [cg_sense(op, k, weight=w) for w in WEIGHTS["l2"]],
        "l1": [l1_wavelet(op, k, weight=w, n_iterations=100) for w in WEIGHTS["l1"]],
    }
    for kind, weights in WEIGHTS.items():
        theirs = []
        for w in weights:
            bart(
                "pics",
                "-w1",
                *(["-l2", "-r", w] if kind == "l2" else ["-e", "-i100", f"-RW:7:0:{w}"]),
                "k",
                "maps",
                "x",
            )
            theirs.append(bart.read("x").reshape(op.in_shape))
        mine, other = best(ours[kind], truth), best(theirs, truth)
        print(
            name,
            kind,
            "ours",
            mine,
            "BART",
            other,
            [[round(brain8.psnr(i, truth), 2) for i in q] for q in (ours[kind], theirs)],
        )
        assert mine[0] > other[0] - TOLERANCE_DB
        assert mine[1] > other[1] - TOLERANCE_SSIM


@pytest.mark.parametrize("scan", ["2x2"], indirect=True)
@pytest.mark.parametrize("method", [grappa, partial(spirit, n_iterations=15)], ids=["grappa", "spirit"])
def test_the_methods_without_maps_are_at_least_as_good_as_pygrappa(scan, method):
    pygrappa = pytest.importorskip("pygrappa")
    name, k, mask, maps, truth = scan
    peer = pygrappa.mdgrappa(k[0, :, 0], kernel_size=(5, 5), coil_axis=0)[None, :, None]
    mine, other = (best([combine_coils(zero_filled(full), maps)], truth) for full in (method(k, mask), peer))
    print(name, method, mine, other)
    assert mine[0] > other[0] - TOLERANCE_DB
    assert mine[1] > other[1] - TOLERANCE_SSIM
