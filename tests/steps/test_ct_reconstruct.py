"""`ct.reconstruct`: every method finds the disc, the grid is the one asked for, and too much is refused in time."""

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scanmill.data import Projections
from scanmill.errors import InputError, ResourceError
from scanmill.geometry import ScanGeometry
from scanmill.phantoms import shepp_logan_2d, shepp_logan_3d
from scanmill.steps import ct_reconstruct, memory
from scanmill.steps.contract import Context, Row
from scanmill.steps.ct_grid import default_grid, grid_for
from scanmill.steps.table import find_step

STEP = find_step("ct.reconstruct")
DISTANCES = {"source_to_isocenter": 500.0, "source_to_detector": 1000.0}
TURN = np.arange(90) * 2 * np.pi / 90


def scans():
    parallel = ScanGeometry.parallel(TURN / 2, 64, 4.0)
    fan = ScanGeometry.fan(TURN, 64, 8.0, **DISTANCES)
    geometries = {"parallel": parallel, "fan": fan}
    return {name: shepp_logan_2d().projections(scan, supersampling=4) for name, scan in geometries.items()}


def cone(n_rows=24):
    scan = ScanGeometry.cone(TURN[::3], 32, 16.0, n_rows=n_rows, row_spacing=16.0, **DISTANCES)
    return shepp_logan_3d().projections(scan)


def run(scan, *, tile=1.0, start=None, **params):
    ctx = Context((Row("r", {}),), Path(), tile=tile)
    inputs = {"scan": scan} | ({} if start is None else {"start": start})
    return STEP.run(inputs, STEP.params(**params), ctx)


@pytest.mark.parametrize("beam", ["parallel", "fan"])
@pytest.mark.parametrize(
    "params",
    [
        {"method": "fbp"},
        {"method": "sirt", "n_iterations": 60},
        {"method": "os-sart", "n_iterations": 5},
        {"method": "cgls", "n_iterations": 15},
        {"method": "tv", "n_iterations": 80, "weight": 0.1},
    ],
    ids=lambda params: params["method"],
)
def test_every_method_finds_the_head(beam, params):
    output = run(scans()[beam], **params)
    image = output.values["image"]
    truth = shepp_logan_2d().voxels(image.geometry).array
    error = np.linalg.norm(image.array - truth) / np.linalg.norm(truth)
    assert error < 0.35
    assert image.unit == "1/mm"
    if params["method"] != "fbp":
        assert output.metrics["n_iterations"] == params["n_iterations"]
        assert 0 < output.metrics["residual"] < 0.1


def test_a_cone_takes_feldkamps_form():
    image = run(cone(), method="fbp", window="hann").values["image"]
    assert image.geometry.shape == (24, 32, 32)
    truth = shepp_logan_3d().voxels(image.geometry).array
    middle = slice(9, 15)
    assert np.linalg.norm((image.array - truth)[middle]) / np.linalg.norm(truth[middle]) < 0.4
    with pytest.raises(InputError, match="cone"):
        run(scans()["fan"], method="fdk")


def test_the_default_grid_lies_where_the_rays_are():
    scan = ScanGeometry.fan(TURN, 10, 2.0, n_rows=3, row_spacing=5.0, axis_row=0.0, **DISTANCES)
    grid = default_grid(scan)
    assert (grid.shape, grid.spacing) == ((3, 10, 10), (1.0, 1.0, 5.0))
    assert grid.origin == (-4.5, -4.5, 0.0)
    shifted = ScanGeometry.cone(TURN, 10, 2.0, n_rows=4, row_spacing=2.0, axis_row=0.5, **DISTANCES)
    assert grid_for(shifted, None, None).origin == (-4.5, -4.5, -0.5)


def test_size_and_spacing_follow_from_each_other():
    scan = ScanGeometry.parallel(TURN, 64, 2.0)
    assert grid_for(scan, (32, 32), None).spacing == (4.0, 4.0, 1.0)
    assert grid_for(scan, None, (0.5, 1.0)).shape == (1, 128, 256)
    assert grid_for(scan, (8, 16), (1.0, 1.0)).extent == (16.0, 8.0, 1.0)
    with pytest.raises(InputError, match="rows"):
        grid_for(scan, (2, 8, 8), None)


def test_slabs_give_the_same_image():
    scan = ScanGeometry.fan(TURN[::3], 32, 16.0, n_rows=5, row_spacing=20.0, **DISTANCES)
    stack = shepp_logan_3d().projections(scan)
    for method in ("fbp", "sirt"):
        whole, tiled = (run(stack, method=method, n_iterations=3, tile=tile).values["image"] for tile in (1, 0.5))
        np.testing.assert_allclose(tiled.array, whole.array, rtol=0, atol=1e-6)
    whole, tiled = (run(cone(8), method="fdk", tile=tile).values["image"] for tile in (1, 0.3))
    np.testing.assert_allclose(tiled.array, whole.array, rtol=0, atol=1e-6)


def test_a_warm_start_goes_on():
    scan = scans()["parallel"]
    twenty = run(scan, method="sirt", n_iterations=20).values["image"]
    ten = run(scan, method="sirt", n_iterations=10).values["image"]
    again = run(scan, start=ten, method="sirt", n_iterations=10).values["image"]
    np.testing.assert_allclose(again.array, twenty.array, atol=1e-6)
    other = replace(ten, geometry=replace(ten.geometry, spacing=(1.0, 1.0, 1.0)))
    with pytest.raises(InputError, match="another grid"):
        run(scan, start=other, method="sirt")


def test_a_volume_too_large_for_the_machine_is_refused_before_it_is_allocated(monkeypatch):
    scan = scans()["parallel"]
    tracemalloc.start()
    with pytest.raises(InputError, match=r"would not fit.*GiB"):
        run(scan, method="sirt", size=(65536, 65536))
    assert tracemalloc.get_traced_memory()[1] < 10e6
    tracemalloc.stop()
    monkeypatch.setattr(memory, "memory_of", lambda near: (2**40, 1000))
    with pytest.raises(ResourceError, match="free"):
        run(scan, method="sirt")


@pytest.mark.parametrize("method", list(ct_reconstruct.HELD))
def test_the_peak_is_predicted_from_above(method):
    scan = cone() if method == "fdk" else scans()["fan"]
    params = {"method": method, "size": (160, 160), "n_iterations": 2}
    run(scan, **params)  # compiled and imported
    tracemalloc.start()
    image = run(scan, **params).values["image"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    predicted = ct_reconstruct.peak_bytes(method, image.geometry, scan.geometry, "cpu")
    assert predicted / 4 < peak < predicted * 1.1


def test_counts_are_refused():
    scan = scans()["parallel"]
    counts = Projections(scan.array, scan.geometry, "counts")
    with pytest.raises(InputError, match=r"ct\.prepare"):
        run(counts)
