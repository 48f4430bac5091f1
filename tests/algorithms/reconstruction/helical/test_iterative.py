"""Iterations on the true helix, started from WFBP: HU of inserts in a grid that ends within a long object."""

import numpy as np
import pytest

import helices
from scanmill.algorithms.reconstruction import os_sart, pwls
from scanmill.algorithms.reconstruction.extended_grid import extended_grid, extended_image
from scanmill.algorithms.reconstruction.helical import wfbp
from scanmill.geometry import ScanGeometry
from scanmill.operators.cone_reach import views_meeting
from scanmill.operators.projection import ProjectionOp


def worst(image):
    return max(abs(e) for e in helices.hu_errors(image).values())


def test_a_longer_grid_keeps_the_hu_and_the_wanted_one_does_not():
    data = helices.inserts().projections(helices.helix(n_views=200))
    grid, wanted = extended_grid(helices.GRID, data.geometry)
    near = data.views(views_meeting(grid, data.geometry))
    op = ProjectionOp(grid, near.geometry)
    start = wfbp(data, helices.GRID).array
    first = extended_image(start, grid, wanted)
    assert worst(start) < 2

    swept = os_sart(op, near.array, n_iterations=2, n_subsets=20, x0=first)
    assert worst(swept[wanted]) < 3
    weights = 1e5 * np.exp(-near.array)
    knobs = {"weight": 2e6, "delta": 2e-4, "spacing": grid.spacing, "n_iterations": 6, "n_subsets": 10}
    assert worst(pwls(op, near.array, weights, x0=first, **knobs)[wanted]) < 3

    cut = ProjectionOp(helices.GRID, near.geometry)
    assert worst(os_sart(cut, near.array, n_iterations=2, n_subsets=20, x0=start)) > 5


@pytest.mark.parametrize("spot", ["", "xz"])
def test_the_longer_grid_holds_every_ray_through_the_wanted_one(spot):
    scan = helices.helix(spot=spot, n_views=48)
    longer, wanted = extended_grid(helices.GRID, scan)
    low, high = (float(helices.GRID.to_points([0, 0, k])[2]) for k in (-0.5, helices.GRID.shape[0] - 0.5))
    ends = [float(longer.to_points([0, 0, k])[2]) for k in (-0.5, longer.shape[0] - 0.5)]
    radius = np.hypot(*helices.GRID.extent[:2]) / 2
    met = []
    for view in range(scan.n_views):
        origin, along = scan.rays(view)
        flat = along / np.linalg.norm(along[..., :2], axis=-1, keepdims=True)
        foot = -(origin[..., 0] * flat[..., 0] + origin[..., 1] * flat[..., 1])
        t = np.hypot(origin[..., 0] + foot * flat[..., 0], origin[..., 1] + foot * flat[..., 1])
        half = np.sqrt(np.clip(radius**2 - t**2, 0, None))
        z = np.stack([origin[..., 2] + (foot + s * half) * flat[..., 2] for s in (-1, 1)])
        through = (half > 0) & (z.max(axis=0) > low) & (z.min(axis=0) < high)
        assert not through.any() or (z[:, through].min() > ends[0] and z[:, through].max() < ends[1])
        met += [view] if through.any() else []
    assert set(met) <= set(views_meeting(helices.GRID, scan))
    assert longer.crop(wanted, slice(None), slice(None)).is_close(helices.GRID)


def test_stacked_beams_need_no_more_slices():
    fan = ScanGeometry.fan([0.0], 8, 1.0, source_to_isocenter=100.0, source_to_detector=200.0, n_rows=9)
    assert extended_grid(helices.GRID, fan) == (helices.GRID, slice(0, 9))
    assert views_meeting(helices.GRID, fan).tolist() == [0]
