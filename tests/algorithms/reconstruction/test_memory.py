"""The peak of every method is what its prediction says, within a fifth."""

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import helices
from scanmill.algorithms.reconstruction.memory import FILTERED, HELD, held_bytes, predict_peak
from scanmill.data import Projections
from scanmill.errors import InputError, SpecError
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.steps.contract import Context, Row
from scanmill.steps.ct_memory import Cut
from scanmill.steps.ct_methods import QUANTITIES, reconstruct
from scanmill.steps.ct_params import ReconstructParams

FAR = {"source_to_isocenter": 500.0, "source_to_detector": 900.0}
WIDTH = 96.0


def case(method, n_views, n_columns, n_rows, shape):
    """A cone around a grid of about 96 mm, a helix for wfbp, parallel rays for fbp."""
    turn = np.linspace(0, 2 * np.pi, n_views, endpoint=False)
    detector = {"n_columns": n_columns, "column_spacing": 1.8 * WIDTH / n_columns, "n_rows": n_rows}
    if method == "fbp":
        scan = ScanGeometry.parallel(turn / 2, n_columns, WIDTH / n_columns, n_rows=shape[0])
    elif method == "wfbp":
        z = np.linspace(-shape[0] / 2 - 20, shape[0] / 2 + 20, n_views)
        scan = ScanGeometry.helical(8 * turn, z, row_spacing=1.8, **detector, **FAR)
    else:
        scan = ScanGeometry.cone(turn, row_spacing=1.8, **detector, **FAR)
    _, ny, nx = shape
    return scan, VolumeGeometry.centered(shape, (WIDTH / nx, WIDTH / ny, 1.0))


def peak(method, scan, grid, n_iterations, views_at_once=None):
    """The most that numpy held while the method ran, its data not counted."""
    array = np.random.default_rng(0).random(scan.shape, np.float32)
    array += np.float32(0.1)
    quantity = QUANTITIES.get(method, ("line_integral",))[0]
    array *= np.float32(1000 if quantity == "counts" else 1)
    data = Projections(array, scan, quantity, photons=1e4)
    params = ReconstructParams(method=method, n_iterations=None if method in FILTERED else n_iterations)
    context, cut = Context((Row("r", {}),), Path()), Cut(1.0, None, "cpu", 0, views_at_once=views_at_once)
    small, tiny = case(method, 12, 16, 6, (6, 12, 12))
    reconstruct(replace(data, array=data.array[:12, :6, :16][:, : small.n_rows], geometry=small, photons=1e4),
                tiny, params, context, None, cut)  # fmt: skip
    tracemalloc.start()
    reconstruct(data, grid, params, context, None, cut)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


@pytest.mark.parametrize("method", HELD)
def test_a_small_peak_is_predicted(method):
    scan, grid = case(method, 60, 96, 48, (48, 96, 96))
    assert predict_peak(method, grid, scan) == pytest.approx(peak(method, scan, grid, 2), rel=0.25)


@pytest.mark.parametrize("method", ["fbp", "fdk"])
def test_chunks_of_views_need_what_is_predicted_and_less(method):
    scan, grid = case(method, 240, 96, 48, (48, 64, 64))
    predicted = predict_peak(method, grid, scan, views_at_once=20)
    assert predicted == pytest.approx(peak(method, scan, grid, 1, views_at_once=20), rel=0.25)
    assert predicted < 0.5 * predict_peak(method, grid, scan)


SIZES = {"tv": 240, "os-sart": 260, "osem": 260, "wavelet": 280, "asd-pocs": 290, "pwls": 300, "lsqr": 360, "mlem": 360}
LARGE = {
    **{method: (24, n, n, (n, n, n)) for method in HELD if method not in FILTERED for n in [SIZES.get(method, 340)]},
    "fbp": (12, 650, 650, (650, 650, 650)),
    "fbp, many views": (330, 1000, 400, (400, 128, 128)),
    "fdk": (12, 650, 650, (650, 650, 650)),
    "fdk, many views": (330, 1000, 400, (128, 128, 128)),
    "wfbp": (96, 96, 64, (600, 600, 600)),
    "wfbp, many views": (4800, 800, 72, (50, 32, 32)),
}
"""Views, columns, rows and grid of a case of each method that needs more than a gigabyte."""


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", LARGE)
def test_a_peak_above_a_gigabyte_is_predicted_within_a_fifth(name):
    method = name.split(",")[0]
    scan, grid = case(method, *LARGE[name])
    measured = peak(method, scan, grid, 2)
    assert measured > 1e9
    assert predict_peak(method, grid, scan) == pytest.approx(measured, rel=0.2)


@pytest.mark.parametrize("spot", ["x", "z", "xz"])
def test_the_peak_of_a_flying_focus_is_predicted(spot):
    scan, grid = helices.helix(n_rows=32, n_views=480, half_length=50, spot=spot), helices.GRID
    part = grid.crop(slice(2, 4), slice(None), slice(None))
    for one in (grid, part):
        assert predict_peak("wfbp", one, scan) == pytest.approx(peak("wfbp", scan, one, 1), rel=0.2)


def test_the_peak_of_a_displaced_detector_counts_what_is_filled_up():
    turn, detector = np.linspace(0, 2 * np.pi, 60, endpoint=False), {"n_rows": 100, "row_spacing": 1.8}
    scan = ScanGeometry.cone(turn, 200, 1.0, axis_column=30.0, **detector, **FAR)
    grid = VolumeGeometry.centered((40, 64, 64))
    assert predict_peak("fdk", grid, scan) == pytest.approx(peak("fdk", scan, grid, 1), rel=0.2)


def test_what_the_method_would_refuse_is_refused():
    with pytest.raises(SpecError, match="not known"):
        held_bytes("magic", 1, 1)
    scan, grid = case("wfbp", 60, 16, 6, (6, 12, 12))
    with pytest.raises(InputError, match="circular"):
        predict_peak("fdk", grid, scan)
    circle, _ = case("fdk", 12, 16, 6, (6, 12, 12))
    with pytest.raises(InputError, match="too few views"):
        predict_peak("wfbp", grid, circle.views(slice(3)))
