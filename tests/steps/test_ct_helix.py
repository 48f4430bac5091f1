"""`ct.reconstruct` of helical scans: WFBP, iterations from it, the grid, what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import helices
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry
from scanmill.phantoms import Ellipsoid, Phantom
from scanmill.steps.contract import Context, Row
from scanmill.steps.ct_grid import default_grid
from scanmill.steps.table import find_step
from scanmill.testing import StepContract

STEP = find_step("ct.reconstruct")
GRID = {"size": helices.GRID.shape, "spacing": helices.GRID.spacing}


def run(scan, *, start=None, tile=1.0, **params):
    inputs = {"scan": scan} | ({} if start is None else {"start": start})
    return STEP.run(inputs, STEP.params(**params), Context((Row("r", {}),), Path(), tile=tile))


@pytest.fixture(scope="module")
def scan():
    lines = helices.inserts().projections(helices.helix(n_views=180))
    return replace(lines, water_attenuation=helices.WATER)


class TestWfbp(StepContract):
    step = STEP

    def params(self):
        return STEP.params(method="wfbp", size=(2, 8, 8), spacing=(5.0, 5.0, 2.0))

    def inputs(self):
        return {"scan": Phantom((Ellipsoid((0, 0, 0), (20, 20, 20), 0.02),)).projections(helices.helix(n_views=40))}


def test_hu_of_the_inserts_by_wfbp_and_by_an_iteration_from_it(scan):
    first = run(scan, method="wfbp", **GRID)
    assert first.values["image"].unit == "HU"
    assert (first.metrics["unseen_share"], first.warnings) == (0, ())
    assert first.metrics["pitch"] == pytest.approx(1, rel=1e-3)
    second = run(scan, method="os-sart", n_iterations=2, n_subsets=20, start=first.values["image"], **GRID)
    for output, limit in ((first, 2), (second, 3)):
        image = output.values["image"]
        assert image.geometry.is_close(helices.GRID)
        attenuation = helices.WATER * (1 + image.array / 1000)
        assert max(abs(e) for e in helices.hu_errors(attenuation).values()) < limit


def test_slabs_are_the_whole(scan):
    whole, tiled = (run(scan, method="wfbp", tile=tile, **GRID).values["image"].array for tile in (1.0, 0.4))
    np.testing.assert_allclose(tiled, whole, atol=0.1)  # HU


def test_the_default_grid_is_what_the_helix_sees(scan):
    grid = default_grid(scan.geometry)
    assert grid.shape[0] * grid.spacing[2] > 10
    assert grid.extent[0] == pytest.approx(2 * 500 * np.sin(55.5 * 3 / 1000), rel=0.01)
    image = run(scan, method="wfbp", spacing=(8.0, 8.0, 1.2))
    assert image.metrics["unseen_share"] == 0
    assert image.values["image"].array.shape[0] == grid.shape[0]


def test_unseen_voxels_are_warned_of(scan):
    output = run(scan, method="wfbp", size=(30, 16, 16), spacing=(7.0, 7.0, 2.0))
    assert 0 < output.metrics["unseen_share"] < 1
    assert output.warnings[0].startswith("a pitch of 1.00 leaves")


def test_a_grid_beyond_the_helix_gives_the_same_in_slabs(scan):
    """Slabs that see nothing are no fault of the scan, and the share of unseen voxels is that of the whole."""
    params = {"method": "wfbp", "size": (60, 16, 16), "spacing": (7.0, 7.0, 2.0)}
    whole, *cut = (run(scan, tile=tile, **params) for tile in (1.0, 0.4, 0.1))
    assert whole.metrics["unseen_share"] > 0.5
    for parts in cut:
        assert parts.metrics == pytest.approx(whole.metrics)
        assert parts.warnings == whole.warnings
        np.testing.assert_allclose(parts.values["image"].array, whole.values["image"].array, atol=0.1)


def test_a_pitch_that_leaves_every_voxel_unseen_is_refused_however_it_is_cut():
    steep = helices.helix(n_views=180, pitch=3.0)
    lines = helices.inserts().projections(steep)
    for tile in (1.0, 0.4):
        with pytest.raises(InputError, match=r"no voxel of the grid is seen over half a turn.*a pitch of 3\.0"):
            run(lines, method="wfbp", size=(4, 16, 16), spacing=(7.0, 7.0, 2.0), tile=tile)


def test_an_iteration_warns_of_voxels_that_are_hardly_seen(scan):
    once = {"method": "os-sart", "n_iterations": 1, "size": (4, 16, 16), "spacing": (7.0, 7.0, 2.0)}
    assert run(scan, **once).warnings == ()
    steep = helices.inserts().projections(helices.helix(n_views=180, pitch=1.9))
    (warning,) = run(steep, **once).warnings
    assert warning.startswith("a pitch of 1.90 leaves voxels 25 mm and more from the axis with less than half a turn")
    (warning,) = run(scan, **{**once, "size": (60, 16, 16)}).warnings
    assert "of the slices are in part seen over less than half a turn" in warning


def test_too_few_views_are_those_of_a_turn():
    """A long helix has many views, and each slice but few of them."""
    few = helices.helix(n_views=30)
    lines = helices.inserts().projections(few)
    warnings = run(lines, method="wfbp", size=(2, 16, 16), spacing=(7.0, 7.0, 2.0)).warnings
    assert any("too few views for wfbp" in warning and "a turn for" in warning for warning in warnings)


def test_methods_for_circles_refuse_a_helix(scan):
    for method in ("fbp", "fdk"):
        with pytest.raises(InputError, match="take wfbp"):
            run(scan, method=method)


def test_a_cone_that_cuts_the_object_off_is_iterated_on_more_slices():
    angles = np.arange(60) * 2 * np.pi / 60
    knobs = {"n_rows": 9, "row_spacing": 6.0, "source_to_isocenter": 500.0, "source_to_detector": 1000.0}
    scan = ScanGeometry.cone(angles, 64, 6.0, **knobs)
    rod = Phantom((Ellipsoid((0, 0, 0), (40, 40, 200), 0.02),)).projections(scan)
    image = run(rod, method="os-sart", n_iterations=5, size=(5, 32, 32), spacing=(3.0, 3.0, 3.0)).values["image"]
    assert image.array.shape == (5, 32, 32)
    middle = image.array[:, 12:20, 12:20]
    assert abs(middle[[0, -1]].mean() / middle[2].mean() - 1) < 0.01
