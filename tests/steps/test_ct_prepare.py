"""`ct.prepare`: counts become the line integrals they were made of, around the right axis."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from scanmill.data import Projections
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry
from scanmill.io.card import load_card
from scanmill.phantoms import (
    Detector,
    Ellipsoid,
    Phantom,
    PolychromaticPhantom,
    Spectrum,
    acquire,
    detect,
    shepp_logan_2d,
)
from scanmill.steps.contract import Context, Row
from scanmill.steps.table import find_step

STEP = find_step("ct.prepare")
HALF_TURN = np.arange(180) * np.pi / 180
DETECTOR = Detector(photons=1e6, gain=0.1, gain_spread=0.1, dark=50.0, vignetting=0.2)


def run(scan, **params):
    return STEP.run({"scan": scan}, STEP.params(**params), Context((Row("r", {}),), Path()))


def test_counts_become_line_integrals():
    scan = ScanGeometry.parallel(HALF_TURN, 96, 2.5)
    counts = acquire(shepp_logan_2d(unit=0.003), scan, DETECTOR, seed=3)
    output = run(counts)
    prepared = output.values["scan"]
    truth = shepp_logan_2d(unit=0.003).line_integrals(scan)
    assert prepared.quantity == "line_integral"
    assert np.abs(prepared.array - truth).mean() < 0.01
    assert output.metrics["floored_share"] == 0
    assert output.metrics["axis_column"] == 47.5


@pytest.mark.parametrize("method", ["auto", "double_wedge", "search"])
def test_a_parallel_axis_is_found(method):
    scan = ScanGeometry.parallel(HALF_TURN, 96, 2.5)
    counts = acquire(shepp_logan_2d(unit=0.003), scan, DETECTOR, seed=3, axis_shift_columns=4.3)
    output = run(counts, center="find", center_method=method)
    assert output.metrics["axis_column"] == pytest.approx(47.5 + 4.3, abs=0.25)
    assert output.metrics["axis_shift"] == pytest.approx(4.3, abs=0.25)
    moved = ScanGeometry.parallel(HALF_TURN, 96, 2.5, axis_column=output.metrics["axis_column"])
    assert output.values["scan"].geometry.is_close(moved)


def test_a_fan_axis_is_found_by_search():
    turn = np.arange(120) * 2 * np.pi / 120
    scan = ScanGeometry.fan(turn, 96, 5.0, source_to_isocenter=500, source_to_detector=1000)
    counts = acquire(shepp_logan_2d(unit=0.003), scan, DETECTOR, seed=3, axis_shift_columns=-3.0)
    output = run(counts, center="find", search_columns=5)
    assert output.metrics["axis_column"] == pytest.approx(44.5, abs=0.3)


def test_starved_pixels_are_floored_counted_and_told():
    scan = ScanGeometry.parallel(HALF_TURN, 96, 2.5)
    counts = acquire(shepp_logan_2d(unit=0.5), scan, Detector(photons=100, electronic_noise=2), seed=3)
    output = run(counts)
    assert output.values["scan"].array.max() <= np.log(100 / 0.5) + 1e-5
    assert output.metrics["floored_share"] > 0.01
    assert any("starv" in w or "photon floor" in w for w in output.warnings)


def test_known_photons_stand_for_a_flat_field():
    scan = ScanGeometry.parallel(HALF_TURN, 8, 2.5)
    counts = acquire(shepp_logan_2d(), scan, Detector(photons=1000), seed=0)
    without = replace(counts, flat=None, dark=None)
    assert run(without).values["scan"].quantity == "line_integral"
    with pytest.raises(InputError, match="flat"):
        run(replace(without, photons=None))


def test_the_axis_of_the_tooth(data_folder):
    """Mirroring the first view on the last gives 295.5; least negativity of FBP lies between 295.5 and 296.5."""
    card, root = load_card("tooth"), data_folder / "ct_sino_tooth"
    scan = card.read("scan", {"tooth.h5": root / "tooth.h5"})
    output = run(scan, center="find")
    assert 295.25 <= output.metrics["axis_column"] <= 296.25


def test_photons_of_each_view_and_column_stand_for_a_flat_field():
    scan = ScanGeometry.parallel(HALF_TURN, 64, 4.0, n_rows=2)
    exact = shepp_logan_2d(unit=0.003).line_integrals(scan)
    photons = (1e5 * (1 + 0.5 * np.sin(np.arange(180.0))[:, None, None]) * np.linspace(0.2, 1, 64)).astype(np.float32)
    counts = Projections(photons * np.exp(-exact).astype(np.float32), scan, "counts", photons=photons)
    output = run(replace(counts, water_attenuation=0.019))
    np.testing.assert_allclose(output.values["scan"].array, exact, atol=1e-4)
    assert output.values["scan"].photons is photons
    assert output.values["scan"].water_attenuation == 0.019
    starved = replace(counts, array=counts.array * 0)
    floors = run(starved).values["scan"].array
    np.testing.assert_allclose(floors, np.broadcast_to(np.log(2 * photons), floors.shape), rtol=1e-5)


def test_without_the_logarithm_come_transmissions():
    scan = ScanGeometry.parallel(HALF_TURN, 64, 4.0)
    exact = shepp_logan_2d(unit=0.003).projections(scan)
    for given in (exact, acquire(shepp_logan_2d(unit=0.003), scan, seed=0)):
        out = run(given, logarithm=False).values["scan"]
        assert out.quantity == "transmission"
        np.testing.assert_allclose(out.array, np.exp(-exact.array), atol=1e-5)
    with pytest.raises(ValidationError, match="rings needs the logarithm"):
        STEP.params(logarithm=False, rings=11)
    with pytest.raises(ValidationError, match="odd"):
        STEP.params(rings=10)
    with pytest.raises(ValidationError, match="kvp, or coefficients"):
        STEP.params(beam_hardening={})


def test_corrections_say_what_they_found():
    scan = ScanGeometry.parallel(HALF_TURN, 128, 2.0, n_rows=3)
    phantom = PolychromaticPhantom({"water": Phantom((Ellipsoid((0, 0, 0), (90.0, 70.0, np.inf), 1.0),))})
    raw = detect(phantom.projections(scan, Spectrum.tube(120.0)), Detector(photons=2000.0), seed=1)
    raw.array[:, 1, 40] = 0
    output = run(raw, bad_pixels=True, starvation=60, beam_hardening={"kvp": 120})
    assert output.metrics["bad_pixels"] == 1
    assert 0 < output.metrics["smoothed_share"] < 1
    water = Spectrum.tube(120.0).effective("water")
    assert output.values["scan"].water_attenuation == pytest.approx(water)
    assert output.values["scan"].array.max() == pytest.approx(180 * water, rel=0.15)


def test_a_cut_off_object_is_told_or_continued():
    scan = ScanGeometry.parallel(HALF_TURN, 40, 2.0)
    cut = shepp_logan_2d(unit=0.02).projections(scan)
    told = run(cut)
    assert "end inside the object" in told.warnings[0]
    continued = run(cut, truncation=0.5)
    assert continued.values["scan"].geometry.n_columns == 80
    assert continued.metrics["truncated_share"] > 0.9
    assert not continued.warnings


def test_what_is_missing_is_named():
    scan = shepp_logan_2d().projections(ScanGeometry.parallel(HALF_TURN, 40, 2.0))
    with pytest.raises(InputError, match="photons"):
        run(scan, starvation=30)
    with pytest.raises(InputError, match="emitted"):
        run(replace(scan, quantity="emission"))
