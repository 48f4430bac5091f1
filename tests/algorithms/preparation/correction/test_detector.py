"""Bad pixels, rings, starved pixels: against exact line integrals and a plain loop."""

from dataclasses import replace

import numpy as np
import pytest

from scanmill.algorithms.preparation import line_integrals
from scanmill.algorithms.preparation.correction import (
    fill_bad_pixels,
    find_bad_pixels,
    remove_rings,
    smooth_starved,
)
from scanmill.algorithms.reconstruction.fbp import fbp
from scanmill.errors import InputError, SpecError
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.phantoms import Detector, chest, detect, head, shepp_logan_2d, shepp_logan_3d

TURN = np.arange(180) * np.pi / 180
FLAT = ScanGeometry.parallel(TURN, 128, 2.0)
CONE = ScanGeometry.cone(
    TURN[::6] * 2, 64, 8.0, n_rows=40, row_spacing=8.0, source_to_isocenter=500.0, source_to_detector=1000.0
)


def noisy(exact, sigma=0.01, seed=0):
    return (exact + np.random.default_rng(seed).normal(0, sigma, exact.shape)).astype(np.float32)


@pytest.mark.parametrize("exact", [shepp_logan_3d().line_integrals(CONE), shepp_logan_2d().line_integrals(FLAT)])
def test_dead_hot_and_flickering_pixels_are_found_and_no_others(exact):
    """A dead pixel that the object's shadow leaves in some views may hide."""
    p, rng = noisy(exact), np.random.default_rng(1)
    faults, plain = np.zeros((2, *p.shape[1:]), bool)
    for kind, place in enumerate(rng.choice(faults.size // 11, size=9, replace=False) * 11):
        r, c = divmod(int(place), p.shape[2])
        p[:, r, c] = [0.0, 9.0, rng.normal(0, 3, len(p))][kind % 3]
        faults[r, c] = True
        plain[r, c] = kind % 3 > 0 or exact[:, r, c].min() > 0
    found = find_bad_pixels(p)
    assert plain.sum() >= 7
    assert found[plain].all()
    assert found[~faults].sum() <= 1  # a neighbour may be charged too


def test_without_faults_nothing_is_found():
    for seed in range(3):
        assert not find_bad_pixels(noisy(shepp_logan_3d().line_integrals(CONE), seed=seed)).any()
    assert find_bad_pixels(np.where(np.arange(16) == 3, np.nan, np.ones((4, 1, 16))))[0].nonzero()[0].tolist() == [3]


def test_filled_pixels_are_near_the_truth_and_others_untouched():
    exact = shepp_logan_3d().line_integrals(CONE)
    bad = np.random.default_rng(2).random(exact.shape[1:]) < 0.05
    filled = fill_bad_pixels(np.where(bad, 77.0, exact), bad)
    np.testing.assert_array_equal(filled[:, ~bad], exact[:, ~bad])
    error = np.abs(filled - exact)[:, bad]
    assert error.mean() < 0.03 * exact.max()


def test_a_line_is_interpolated_as_numpy_does():
    values, bad = np.random.default_rng(3).random((3, 1, 40)), np.random.default_rng(4).random((1, 40)) < 0.6
    filled = fill_bad_pixels(values, bad)
    live = (~bad[0]).nonzero()[0]
    for view in range(3):
        np.testing.assert_allclose(filled[view, 0], np.interp(np.arange(40), live, values[view, 0, live]), rtol=1e-12)


def test_a_dead_row_and_a_lone_corner():
    values = np.broadcast_to(np.arange(5.0)[:, None], (2, 5, 6)).copy()
    bad = np.zeros((5, 6), bool)
    bad[2] = True
    np.testing.assert_allclose(fill_bad_pixels(np.where(bad, 0, values), bad), values)
    cross = np.ones((5, 6), bool)
    cross[4, 5] = False
    np.testing.assert_array_equal(fill_bad_pixels(values, cross), 4.0)
    with pytest.raises(InputError, match="every pixel"):
        fill_bad_pixels(values, np.ones((5, 6), bool))
    with pytest.raises(InputError, match="mask"):
        fill_bad_pixels(values, np.ones((5, 5), bool))


def stripes(shape, share=0.1, sigma=0.05, seed=5):
    """Some columns with a wrong gain."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, sigma, shape[1:]) * (rng.random(shape[1:]) < share)


@pytest.mark.parametrize("phantom", [head(), chest().scaled(size=0.65)])
def test_rings_go_and_the_object_stays(phantom):
    scan = ScanGeometry.parallel(np.arange(180) * np.pi / 180, 256, 1.0)
    exact = phantom.line_integrals(scan, supersampling=2)
    striped = noisy(exact + stripes(exact.shape), sigma=0.005)
    cleaned = remove_rings(striped)
    grid = VolumeGeometry.centered((1, 128, 128), (1.5, 1.5, 1.5))
    scanned = phantom.projections(scan)
    images = [
        fbp(replace(scanned, array=p.astype(np.float32)), grid, window="hann").array
        for p in (noisy(exact, sigma=0.005), striped, cleaned)
    ]
    before, after = (np.sqrt(np.mean((image - images[0]) ** 2)) for image in images[1:])
    assert after < 0.4 * before
    untouched = remove_rings(exact)
    assert np.sqrt(np.mean((untouched - exact) ** 2)) < 0.2 * np.sqrt(np.mean(stripes(exact.shape) ** 2))


def test_an_offset_is_the_median_of_what_sticks_out_of_its_neighbours():
    p = np.random.default_rng(6).random((7, 2, 9))  # so rough that nothing stands out
    expected = p.copy()
    for row, c in np.ndindex(2, 9):
        windows = [np.pad(p[v, row], 2, mode="edge")[c : c + 5] for v in range(7)]
        above = np.array([w[2] - np.median(np.delete(w, 2)) for w in windows])
        offset = np.median(above)
        doubt = 0.1 * 1.4826 * np.median(abs(above - offset))
        expected[:, row, c] -= np.sign(offset) * max(abs(offset) - doubt, 0)
    np.testing.assert_allclose(remove_rings(p, size=5), expected, rtol=1e-12)


def test_a_stripe_on_a_slope_and_a_wide_one_go_and_leave_their_neighbours_alone():
    """On an even slope a small stripe stays between its neighbours in every view."""
    slope = 0.1 * np.arange(40.0) * np.linspace(-1, 1, 30)[:, None, None]
    slope = slope + 0.01 * np.random.default_rng(0).standard_normal(slope.shape)
    stripe = np.zeros(40)
    stripe[7], stripe[20:23] = 0.03, 0.3
    change = remove_rings(slope + stripe, size=9) - slope
    assert np.abs(change).max() < 0.012
    assert np.abs(change[..., 12:20]).max() < 0.006


def test_sorting_is_what_a_loop_does():
    p = np.random.default_rng(6).random((7, 3, 9))
    expected = np.empty_like(p)
    for row in range(3):
        order = [sorted(range(7), key=lambda v, c=c, row=row: p[v, row, c]) for c in range(9)]
        level = np.array([[p[order[c][k], row, c] for c in range(9)] for k in range(7)])
        padded = np.pad(level, ((0, 0), (2, 2)), mode="edge")
        for k in range(7):
            for c in range(9):
                expected[order[c][k], row, c] = np.median(padded[k, c : c + 5])
    np.testing.assert_array_equal(remove_rings(p, size=5, method="sorted"), expected)
    with pytest.raises(SpecError, match="odd"):
        remove_rings(p, size=4)


def starved_scan(photons=600.0, seed=7):
    scan = ScanGeometry.parallel(TURN, 160, 2.5, n_rows=5, row_spacing=2.5)
    slab = shepp_logan_2d(unit=0.11)
    exact = slab.line_integrals(scan)
    raw = detect(slab.projections(scan), Detector(photons=photons), seed=seed)
    return exact, (raw.array / photons).astype(np.float32)


def test_starved_rays_lose_their_bias():
    photons = 600.0
    exact, measured = starved_scan(photons)
    few = (photons * np.exp(-exact) < 10) & (photons * np.exp(-exact) > 1.5)
    assert few.sum() > 1000
    smooth = smooth_starved(measured, photons)
    floor = 0.5 / photons
    before, after = (line_integrals(t, floor=floor).array - exact for t in (measured, smooth.transmission))
    assert np.sqrt((after[few] ** 2).mean()) < 0.7 * np.sqrt((before[few] ** 2).mean())
    assert abs(after[few].mean()) < 0.5 * abs(before[few].mean())
    plenty = photons * np.exp(-exact) > 100
    np.testing.assert_array_equal(smooth.transmission[plenty], measured[plenty])
    assert 0 < smooth.smoothed_share < 0.9
    assert smooth.zero_share == pytest.approx((measured == 0).mean())


def test_photons_may_differ_by_view_and_column():
    _, measured = starved_scan()
    one = smooth_starved(measured, 600.0)
    many = smooth_starved(measured, np.full((len(measured), 1, measured.shape[2]), 600.0))
    np.testing.assert_array_equal(one.transmission, many.transmission)
    with pytest.raises(InputError, match="positive"):
        smooth_starved(measured, 0.0)
    with pytest.raises(InputError, match="threshold"):
        smooth_starved(measured, 600.0, threshold=-1)
    with pytest.raises(InputError, match="finite"):
        smooth_starved(np.full((1, 1, 3), np.nan), 600.0)
