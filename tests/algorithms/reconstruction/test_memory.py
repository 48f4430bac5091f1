"""The peak of every method is what its prediction says, within a fifth."""

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scanmill.algorithms.reconstruction.memory import FILTERED, HELD, held_bytes, predict_peak
from scanmill.data import Projections
from scanmill.errors import SpecError
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.steps.contract import Context, Row
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


def peak(method, scan, grid, n_iterations):
    """The most that numpy held while the method ran, its data not counted."""
    array = np.random.default_rng(0).random(scan.shape, np.float32)
    array += np.float32(0.1)
    quantity = QUANTITIES.get(method, ("line_integral",))[0]
    data = Projections(array * np.float32(1000 if quantity == "counts" else 1), scan, quantity, photons=1e4)
    del array
    params = ReconstructParams(method=method, n_iterations=None if method in FILTERED else n_iterations)
    context = Context((Row("r", {}),), Path())
    small, tiny = case(method, 12, 16, 6, (6, 12, 12))
    reconstruct(replace(data, array=data.array[:12, :6, :16][:, : small.n_rows], geometry=small, photons=1e4),
                tiny, params, context, None)  # fmt: skip
    tracemalloc.start()
    reconstruct(data, grid, params, context, None)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


@pytest.mark.parametrize("method", HELD)
def test_a_small_peak_is_predicted(method):
    scan, grid = case(method, 60, 96, 48, (48, 96, 96))
    assert predict_peak(method, grid, scan) == pytest.approx(peak(method, scan, grid, 2), rel=0.25)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("method", HELD)
def test_a_peak_above_a_gigabyte_is_predicted_within_a_fifth(method):
    n = {"fbp": 420, "fdk": 420, "wfbp": 420, "tv": 210, "wavelet": 250, "os-sart": 250, "osem": 250}.get(method, 290)
    scan, grid = case(method, 48, n, n if method != "wfbp" else 64, (n, n, n))
    measured = peak(method, scan, grid, 2)
    assert measured > (0.3e9 if method in FILTERED else 1e9)
    assert predict_peak(method, grid, scan) == pytest.approx(measured, rel=0.2)


def test_a_method_without_a_prediction_is_refused():
    with pytest.raises(SpecError, match="not known"):
        held_bytes("magic", 1, 1)
