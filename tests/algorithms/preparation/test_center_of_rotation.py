"""The axis of rotation against phantoms whose axis is known, and against a measured tooth."""

from functools import cache

import h5py
import numpy as np
import pytest
from scipy import ndimage
from skimage.transform import iradon

from scanmill.algorithms.preparation import (
    axis_column,
    center_of_rotation,
    histogram_entropy,
    line_integrals,
    negativity,
    search_axis,
    transmission,
    with_axis_column,
)
from scanmill.data import Projections
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry
from scanmill.phantoms import Detector, acquire, chest, head, random_phantom, shepp_logan_2d

TURNS = {
    "half, one step short": np.linspace(0, np.pi, 180, endpoint=False),
    "half, closed": np.linspace(0, np.pi, 181),
    "whole, even": np.linspace(0, 2 * np.pi, 180, endpoint=False) + 0.3,
    "whole, odd": np.linspace(0, 2 * np.pi, 181, endpoint=False),
}
METHODS = ("opposite", "double_wedge")


def scan_of(turn, column, n_columns=128):
    return ScanGeometry.parallel(TURNS[turn], n_columns, 3.0, axis_column=column)


@cache
def seen(phantom, turn, column):
    return phantom.projections(scan_of(turn, column), supersampling=3)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("column", [60.3, 66.85])
def test_noise_free_to_a_tenth_of_a_column(method, turn, column):
    for phantom in (shepp_logan_2d(), random_phantom(3)):
        assert abs(center_of_rotation(seen(phantom, turn, column), method=method).column - column) < 0.1


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("turn", TURNS)
def test_with_noise_to_three_tenths(method, turn):
    scan = scan_of(turn, 61.7)
    for seed, phantom in enumerate((shepp_logan_2d(), head(), random_phantom(8))):
        raw = acquire(phantom, scan, Detector(photons=2e3, electronic_noise=3.0, gain_spread=0.01), seed=seed)
        integrals = line_integrals(transmission(raw.array, raw.dark, raw.flat), floor=0.5 / 2e3).array
        assert abs(center_of_rotation(Projections(integrals, scan), method=method).column - 61.7) < 0.3


def test_a_scanner_that_says_the_wrong_axis_is_corrected():
    scan = scan_of("whole, even", 63.5)
    raw = acquire(shepp_logan_2d(), scan, seed=0, axis_shift_columns=-4.4)
    found = center_of_rotation(Projections(line_integrals(transmission(raw.array, raw.dark, raw.flat)).array, scan))
    assert abs(found.column - 59.1) < 0.1
    assert found.n_answers > 10
    assert found.spread < 0.1
    mended = with_axis_column(scan, found.column)
    exact = shepp_logan_2d().line_integrals(mended)
    assert np.abs(exact + np.log(raw.array / raw.flat)).mean() < 0.01


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("turn", TURNS)
def test_the_order_of_the_views_does_not_matter(method, turn):
    projections = seen(shepp_logan_2d(), turn, 60.3)
    mixed = projections.views(np.random.default_rng(0).permutation(projections.geometry.n_views))
    assert abs(center_of_rotation(mixed, method=method).column - 60.3) < 0.1


def test_a_truncated_detector_with_many_rows():
    scan = ScanGeometry.parallel(TURNS["half, closed"], 90, 2.0, n_rows=5, row_spacing=4.0, axis_column=47.25)
    assert abs(center_of_rotation(chest().projections(scan)).column - 47.25) < 0.1


@pytest.fixture(scope="module")
def tooth(data_folder):
    with h5py.File(data_folder / "ct_sino_tooth" / "tooth.h5") as file:
        exchange = file["exchange"]
        ratio = transmission(exchange["data"][:], exchange["data_dark"][:].mean(0), exchange["data_white"][:].mean(0))
        angles = np.deg2rad(exchange["theta"][:])
    return Projections(line_integrals(ratio).array, ScanGeometry.parallel(angles, 640, 1.0, n_rows=2))


@pytest.mark.parametrize("method", METHODS)
def test_the_measured_tooth(tooth, method):
    assert 295.25 <= center_of_rotation(tooth, method=method).column <= 296.25


def fbp(projections):
    sinogram, degrees = projections.array[:, 0].T, np.rad2deg(projections.geometry.angles)
    middle = sinogram.shape[0] // 2

    def reconstruct(column):
        shifted = ndimage.shift(sinogram, (middle - column, 0), order=1)
        return iradon(shifted, degrees, filter_name="hann")

    return reconstruct


@pytest.mark.parametrize(("score", "error"), [(negativity, 0.3), (histogram_entropy, 0.5)])
def test_search_by_reconstruction(score, error):
    projections = shepp_logan_2d().projections(
        ScanGeometry.parallel(np.linspace(0, np.pi, 60), 96, 2.2, axis_column=45.4)
    )
    assert abs(search_axis(fbp(projections), 42, 49, score=score, tolerance=0.1) - 45.4) < error


@pytest.mark.long
def test_search_on_the_measured_tooth(tooth):
    assert 295.25 <= search_axis(fbp(tooth), 293, 299, tolerance=0.5) <= 296.5


@pytest.mark.parametrize("method", METHODS)
def test_what_cannot_be_told_is_refused(method):
    scan = scan_of("half, closed", 63.5)
    projections = shepp_logan_2d().projections(scan)
    with_nan = Projections(np.where(np.arange(128) == 5, np.nan, projections.array), scan)
    with pytest.raises(InputError, match="not finite"):
        center_of_rotation(with_nan, method=method)
    with pytest.raises(InputError, match="give the axis column in the card"):
        center_of_rotation(projections.views(slice(0, 120)), method=method)
    with pytest.raises(InputError, match="logarithm"):
        center_of_rotation(Projections(projections.array, scan, "counts"), method=method)
    fan = ScanGeometry.fan([0.0, np.pi], 128, 3.0, source_to_isocenter=500, source_to_detector=900)
    with pytest.raises(InputError, match="parallel"):
        center_of_rotation(Projections(np.ones(fan.shape), fan), method=method)


def test_an_empty_sinogram_is_refused():
    scan = scan_of("half, closed", 63.5)
    with pytest.raises(InputError, match="nothing"):
        center_of_rotation(Projections(np.ones(scan.shape), scan))


@pytest.mark.parametrize("beam", ["parallel", "fan", "cone"])
def test_the_axis_of_a_geometry_is_where_it_was_put(beam):
    far = {"source_to_isocenter": 400.0, "source_to_detector": 700.0}
    makers = {
        "parallel": lambda c: ScanGeometry.parallel(TURNS["whole, odd"], 64, 2.0, axis_column=c),
        "fan": lambda c: ScanGeometry.fan(TURNS["whole, odd"], 64, 2.0, axis_column=c, **far),
        "cone": lambda c: ScanGeometry.cone(
            TURNS["whole, odd"], 64, 2.0, n_rows=3, row_spacing=2.0, axis_column=c, **far
        ),
    }
    scan = makers[beam](20.75)
    np.testing.assert_allclose(axis_column(scan), 20.75, atol=1e-9)
    assert with_axis_column(scan, 33.1).is_close(makers[beam](33.1))


def test_the_axis_of_a_cylindrical_detector_is_read_and_moved():
    fan = {"source_to_isocenter": 500.0, "source_to_detector": 900.0, "detector_shape": "cylindrical"}
    scan = ScanGeometry.fan([0.2, 1.4], 20, 1.5, axis_column=7.3, **fan)
    assert axis_column(scan) == pytest.approx(7.3)
    moved = with_axis_column(scan, 12.1)
    assert moved.is_close(ScanGeometry.fan([0.2, 1.4], 20, 1.5, axis_column=12.1, **fan))
    flown = scan.with_focal_spot(angular=0.01)  # the axis is seen from elsewhere: the shadow moves by the lever
    assert axis_column(flown) == pytest.approx(7.3 - 500.0 * 0.01 * 400.0 / 500.0 / 1.5, abs=0.01)
