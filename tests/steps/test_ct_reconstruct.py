"""`ct.reconstruct`: every method finds the disc, the grid is the one asked for, and too much is refused in time."""

import math
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from scanmill.errors import InputError, ResourceError
from scanmill.geometry import ScanGeometry
from scanmill.operators.projection_memory import predict_bytes
from scanmill.phantoms import shepp_logan_2d, shepp_logan_3d
from scanmill.steps import ct_memory, memory
from scanmill.steps.contract import Context, Row
from scanmill.steps.ct_grid import default_grid, grid_for
from scanmill.steps.ct_helix import FILTERED
from scanmill.steps.ct_memory import cut_for
from scanmill.steps.ct_methods import QUANTITIES
from scanmill.steps.ct_params import Method
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


@pytest.mark.parametrize("beam", ["parallel", "fan", "cone", "helix"])
@pytest.mark.parametrize("method", get_args(Method))
def test_parts_give_the_same_image_by_every_method(beam, method):
    helix = ScanGeometry.helical(
        np.linspace(0, 14, 60), np.linspace(-90, 90, 60), 32, 16.0, n_rows=8, row_spacing=16.0, **DISTANCES
    )
    stack = ScanGeometry.fan(TURN[::3], 32, 16.0, n_rows=5, row_spacing=20.0, **DISTANCES)
    lines = ScanGeometry.parallel(TURN[::3] / 2, 32, 8.0, n_rows=5, row_spacing=20.0)
    geometry = {"parallel": lines, "fan": stack, "cone": cone(8).geometry, "helix": helix}[beam]
    if ((method == "wfbp") != (beam == "helix") and method in FILTERED) or (method == "fdk") > (beam == "cone"):
        pytest.skip("not for this beam")
    photons = 1e4 + 500.0 * np.arange(geometry.n_rows)[None, :, None]
    scan = replace(shepp_logan_3d().projections(geometry), photons=photons)
    quantity = QUANTITIES.get(method, ("line_integral",))[0]
    if quantity == "counts":
        scan = replace(scan, array=photons * np.exp(-scan.array))
    params = {"method": method, "n_iterations": 3, **({"size": (6, 32, 32)} if beam == "helix" else {})}
    whole, parts = (run(replace(scan, quantity=quantity), tile=tile, **params).values["image"] for tile in (1, 0.4))
    assert np.linalg.norm(parts.array - whole.array) <= 1e-5 * np.linalg.norm(whole.array)


def test_too_little_memory_is_met_with_parts_and_at_last_refused(monkeypatch):
    scan, params = cone(24).geometry, STEP.params(method="cgls")
    grid, ctx = default_grid(scan), Context((Row("r", {}),), Path())
    whole = cut_for(params, grid, scan, ctx)
    assert (whole.slab_share, whole.operator_bytes) == (1.0, None)
    monkeypatch.setattr(ct_memory, "memory_of", lambda near: (2**40, whole.peak_bytes + 999))
    assert cut_for(params, grid, scan, ctx).operator_bytes is None
    assert cut_for(params, grid, scan, ctx, incoming_bytes=1000).operator_bytes < predict_bytes(grid, scan)
    monkeypatch.setattr(ct_memory, "memory_of", lambda near: (2**40, whole.peak_bytes - 1))
    assert cut_for(params, grid, scan, ctx).operator_bytes < predict_bytes(grid, scan)
    monkeypatch.setattr(ct_memory, "memory_of", lambda near: (1000, 1000))
    monkeypatch.setattr(memory, "memory_of", lambda near: (1000, 1000))
    with pytest.raises(InputError, match="would not fit"):
        cut_for(params, grid, scan, ctx)


@pytest.mark.parametrize("method", ["fdk", "sirt", "cgls"])
def test_a_gpu_too_small_leaves_image_and_data_on_the_host(method):
    """A prediction: nothing runs on a GPU here."""
    beam = "parallel" if method == "sirt" else "cone"
    scan = ScanGeometry.parallel(TURN, 64, 1.0, n_rows=32) if beam == "parallel" else cone(24).geometry
    grid, params = default_grid(scan), STEP.params(method=method)
    whole, part = (ct_memory.cut_at(tile, params, grid, scan, "cuda:0") for tile in (1.0, 0.125))
    assert (whole.home, whole.home_bytes, part.home) == ("cuda:0", 0, "cpu")
    assert part.home_bytes >= 4 * math.prod(grid.shape)
    assert part.peak_bytes < 0.5 * whole.peak_bytes
    assert (part.views_at_once == math.ceil(scan.n_views / 8)) == (method == "fdk")
    assert (part.operator_bytes is not None) == (method == "cgls")


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
    monkeypatch.setattr(ct_memory, "memory_of", lambda near: (2**40, 1000))
    with pytest.raises(ResourceError, match="free"):
        run(scan, method="sirt")
