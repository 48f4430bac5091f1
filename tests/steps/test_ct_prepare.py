"""`ct.prepare`: counts become the line integrals they were made of, around the right axis."""

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from scanmill.data import Projections
from scanmill.errors import InputError, ResourceError
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
from scanmill.steps import ct_corrections, memory
from scanmill.steps.contract import Context, Row
from scanmill.steps.ct_prepare_memory import held_bytes
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


EVERY = {
    "bad_pixels": True,
    "scatter": {"amplitude": 1e-6, "sigma_mm": 20.0},
    "starvation": 60,
    "beam_hardening": {"kvp": 120},
    "rings": 5,
    "truncation": 0.25,
}


def counts_of(n_views, n_rows=3, n_columns=64):
    scan = ScanGeometry.parallel(np.arange(n_views) * np.pi / n_views, n_columns, 4.0, n_rows=n_rows)
    exact = shepp_logan_2d(unit=0.02, radius_mm=150.0).line_integrals(scan)
    photons = np.linspace(200, 2000, n_columns, dtype=np.float32)[None, None] * np.ones((n_views, 1, 1), np.float32)
    counts = np.random.default_rng(0).poisson(photons * np.exp(-exact)).astype(np.float32)
    return Projections(counts, scan, "counts", photons=photons)


def test_views_are_corrected_a_few_at_a_time_and_the_same_comes_out(monkeypatch):
    scan = counts_of(45)
    whole = run(scan, **EVERY)
    monkeypatch.setattr(ct_corrections, "CHUNK_BYTES", 7 * 4 * 3 * 64)
    parts = run(scan, **EVERY)
    np.testing.assert_array_equal(parts.values["scan"].array, whole.values["scan"].array)
    assert parts.values["scan"].geometry.is_close(whole.values["scan"].geometry)
    assert parts.values["scan"].water_attenuation == whole.values["scan"].water_attenuation
    assert parts.metrics == pytest.approx(whole.metrics, rel=0.01)
    assert parts.warnings == whole.warnings


@pytest.mark.parametrize("knobs", [{}, {"starvation": 60}, {"rings": 5}, {"truncation": 0.25}, EVERY], ids=str)
def test_the_peak_is_predicted_from_above(monkeypatch, knobs):
    monkeypatch.setattr(ct_corrections, "CHUNK_BYTES", 2**18)
    scan = counts_of(400, n_rows=16)
    run(scan.views(slice(0, 30)), **knobs)
    tracemalloc.start()
    run(scan, **knobs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    predicted = held_bytes(scan.array.size, STEP.params(**knobs))
    assert 0.5 * predicted < peak < 1.05 * predicted


def test_what_cannot_fit_is_refused_with_the_number(monkeypatch):
    monkeypatch.setattr(memory, "memory_of", lambda near: (2**30, 1000))
    with pytest.raises(ResourceError, match=r"free for the preparation of the scan: expected 0\.00 GiB"):
        run(counts_of(4))
    monkeypatch.setattr(memory, "memory_of", lambda near: (1000, 1000))
    with pytest.raises(InputError, match="the preparation of the scan would not fit into memory"):
        run(counts_of(4))
