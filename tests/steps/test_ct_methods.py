"""The statistical and sparse methods of `ct.reconstruct`: contract, image, what they take and what they warn of."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scanmill.data import Projections
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry
from scanmill.phantoms import Detector, acquire, shepp_logan_2d
from scanmill.steps.contract import Context, Row
from scanmill.steps.ct_counts import blank_counts
from scanmill.steps.table import find_step
from scanmill.testing import StepContract, tiny_scan

STEP = find_step("ct.reconstruct")
SCAN = ScanGeometry.parallel(np.arange(90) * np.pi / 90, 64, 4.0)
HEAD = shepp_logan_2d()
METHODS = {
    "sart": {"relaxation": 0.5},
    "lsqr": {"n_iterations": 15},
    "asd-pocs": {"n_iterations": 15},
    "wavelet": {"n_iterations": 60},
    "pwls": {},
    "ml-tr": {},
    "mlem": {"n_iterations": 40},
    "osem": {},
}


def scan_for(method):
    """The head, in the quantity that the method takes."""
    lines = HEAD.projections(SCAN, supersampling=4)
    if method == "ml-tr":
        return acquire(HEAD, SCAN, Detector(photons=1e5, dark=20.0, vignetting=0.2), seed=1, supersampling=4)
    if method in ("mlem", "osem"):
        return replace(lines, quantity="emission")
    return replace(lines, photons=1e5)


def run(scan, **params):
    return STEP.run({"scan": scan}, STEP.params(**params), Context((Row("r", {}),), Path()))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_the_head(method):
    output = run(scan_for(method), method=method, **METHODS[method])
    image = output.values["image"]
    truth = HEAD.voxels(image.geometry).array
    assert np.linalg.norm(image.array - truth) / np.linalg.norm(truth) < 0.35
    assert 0 < output.metrics["residual"] < 0.1
    assert output.warnings == ()


@pytest.mark.parametrize("method", METHODS)
class TestMethods(StepContract):
    step = STEP

    @pytest.fixture(autouse=True)
    def _chosen(self, method):
        self.method = method

    def params(self):
        return self.step.params(method=self.method, n_iterations=2)

    def inputs(self):
        scan = replace(tiny_scan(), photons=1e4)
        if self.method == "ml-tr":
            return {"scan": replace(scan, array=1e4 * np.exp(-scan.array), quantity="counts")}
        return {"scan": replace(scan, quantity="emission") if self.method in ("mlem", "osem") else scan}

    def bad_inputs(self):
        scan = self.inputs()["scan"]
        others = {"line_integral", "counts", "transmission", "emission"} - {scan.quantity}
        others -= {"transmission"} if self.method == "ml-tr" else set()
        return [*super().bad_inputs(), *({"scan": replace(scan, quantity=other)} for other in sorted(others))]


def test_a_method_says_which_quantity_it_takes():
    with pytest.raises(InputError, match="expected counts or transmission, got line_integral"):
        run(scan_for("pwls"), method="ml-tr")
    with pytest.raises(InputError, match=r"line integrals are wanted.*got counts; run ct\.prepare"):
        run(scan_for("ml-tr"), method="pwls")
    with pytest.raises(InputError, match="expected emission"):
        run(scan_for("pwls"), method="osem")


def test_pwls_needs_photon_statistics():
    scan = scan_for("pwls")
    with pytest.raises(InputError, match="photon statistics are missing"):
        run(replace(scan, photons=None), method="pwls")
    with pytest.raises(InputError, match="zero photon statistics"):
        run(replace(scan, photons=np.zeros((1, 1, 64))), method="pwls")
    starved = run(replace(scan, photons=10.0), method="pwls", n_iterations=1)
    assert any("less than one photon" in warning for warning in starved.warnings)


def test_ml_tr_takes_counts_and_transmissions_and_says_where_photons_are_not_known():
    counts = scan_for("ml-tr")
    ratio = (counts.array - counts.dark) / (counts.flat - counts.dark)
    transmission = Projections(ratio.astype(np.float32), SCAN, "transmission", photons=1e5)
    unknown = replace(transmission, photons=None)
    knobs = {"method": "ml-tr", "n_iterations": 4}
    images = [run(scan, **knobs).values["image"].array for scan in (counts, transmission, unknown)]
    np.testing.assert_allclose(images[1], images[0], atol=0.02 * images[0].max())
    np.testing.assert_allclose(images[2], images[1], atol=1e-4 * images[0].max())
    assert run(transmission, **knobs).warnings == ()
    assert any("photon statistics are missing" in warning for warning in run(unknown, **knobs).warnings)
    with pytest.raises(InputError, match="blank scan"):
        run(replace(counts, flat=None, photons=None), **knobs)
    with pytest.raises(InputError, match="blank scan has no photons"):
        run(replace(counts, flat=counts.dark), **knobs)


def test_the_blank_scan_is_the_flat_without_the_dark():
    counts = scan_for("ml-tr")
    y, blank = blank_counts(counts)
    np.testing.assert_allclose(blank[0], counts.flat - counts.dark)
    np.testing.assert_allclose(y, np.maximum(counts.array - counts.dark, 0))
    modulated = replace(counts, flat=None, photons=np.linspace(1e4, 2e4, 90)[:, None, None])
    assert blank_counts(modulated)[1].shape == (90, 1, 1)


@pytest.mark.parametrize(("method", "few", "enough"), [("fbp", 12, 45), ("sirt", 6, 12), ("tv", 2, 6)])
def test_too_few_views_are_warned_of(method, few, enough):
    knobs = {"method": method} | ({} if method == "fbp" else {"n_iterations": 1})
    scan = HEAD.projections(SCAN)
    warned, silent = (run(scan.views(slice(0, None, 90 // n)), **knobs).warnings for n in (few, enough))
    assert [w for w in warned if w.startswith(f"too few views for {method}")]
    assert silent == ()


def test_the_weight_of_the_penalty_has_a_default_for_each_method():
    weights = [STEP.params(method=m).weight_of_prior for m in ("tv", "wavelet", "pwls")]
    assert weights == [0.05, 0.2, 3e5]
    assert STEP.params(method="pwls", penalty="tv").weight_of_prior == 300
    assert STEP.params(method="pwls", weight=0.0).weight_of_prior == 0
