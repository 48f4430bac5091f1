"""A projection in slabs and chunks is the whole one, within rounding, and holds no more than it may."""

from dataclasses import replace

import numpy as np
import pytest

import laws
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.operators.cone_reach import slopes, views_meeting
from scanmill.operators.projection import ProjectionOp
from scanmill.operators.projection_memory import predict_bytes
from scanmill.operators.split_projection import SplitProjectionOp, is_stacked
from scanmill.phantoms import shepp_logan_3d

GRID = VolumeGeometry.centered((24, 20, 22), (1.1, 1.0, 0.9))
ANGLES = np.linspace(0.1, 9.0, 40)
FAR = {"source_to_isocenter": 90.0, "source_to_detector": 150.0}
CONE = {"n_rows": 9, "row_spacing": 2.0, **FAR}
HELIX_Z = np.linspace(-14, 14, 40)
SCANS = {
    "parallel": ScanGeometry.parallel(ANGLES, 31, 1.0, n_rows=24, row_spacing=0.9),
    "fan": ScanGeometry.fan(ANGLES, 31, 1.7, n_rows=24, row_spacing=0.9, **FAR),
    "arcs": ScanGeometry.fan(ANGLES, 31, 1.7, n_rows=24, row_spacing=0.9, detector_shape="cylindrical", **FAR),
    "cone": ScanGeometry.cone(ANGLES, 31, 1.7, **CONE),
    "cone, one row": ScanGeometry.cone(ANGLES, 31, 1.7, **{**CONE, "n_rows": 1}),
    "helix": ScanGeometry.helical(ANGLES, HELIX_Z, 31, 1.7, **CONE),
    "helix, flat, flying spot": ScanGeometry.helical(ANGLES, HELIX_Z, 31, 1.7, detector_shape="flat", **CONE)
    .with_focal_spot(axial=np.tile([0.0, -0.7], 20), radial=np.tile([0.0, 3.0], 20)),
}  # fmt: skip


@pytest.mark.parametrize(("dtype", "within"), [(np.float32, 1e-6), (np.float64, 1e-13)])
@pytest.mark.parametrize("share", [0.6, 0.3])
@pytest.mark.parametrize("name", SCANS)
def test_parts_add_up_to_the_whole(name, share, dtype, within):
    scan = SCANS[name]
    whole = ProjectionOp(GRID, scan, dtype=dtype)
    budget = int(share * predict_bytes(GRID, scan, dtype=dtype))
    split = SplitProjectionOp(GRID, scan, budget_bytes=budget, dtype=dtype)
    assert split.n_slabs * split.n_chunks > 1
    x, y = laws.noise(whole.in_shape, dtype, 1), laws.noise(whole.out_shape, dtype, 2)
    for ours, theirs, data in ((split, whole, x), (split.H, whole.H, y)):
        assert laws.norm(ours(data) - theirs(data)) <= within * laws.norm(theirs(data))
    some = slice(1, None, 3)
    part = split.subset(some)(x)
    assert laws.norm(part - whole.subset(some)(x)) <= within * laws.norm(part)


def test_parts_of_a_large_object_add_up_in_float32():
    """Positions along z are rounded to 1e-7 of the slab: white noise in many slices shows it, an object does not."""
    grid = VolumeGeometry.centered((128, 128, 128))
    scan = ScanGeometry.cone(ANGLES[:8], 128, 1.8, n_rows=96, row_spacing=1.8, source_to_isocenter=500.0,
                             source_to_detector=900.0)  # fmt: skip
    head = shepp_logan_3d().scaled(size=0.5)
    whole = ProjectionOp(grid, scan)
    split = SplitProjectionOp(grid, scan, budget_bytes=int(0.3 * predict_bytes(grid, scan)))
    x, y = head.voxels(grid, supersampling=1).array, head.line_integrals(scan, dtype=np.float32)
    assert split.n_slabs > 1
    for ours, theirs, data in ((split, whole, x), (split.H, whole.H, y)):
        assert laws.norm(ours(data) - theirs(data)) <= 1e-6 * laws.norm(theirs(data))


UPRIGHT = {name: SCANS[name] for name in SCANS if SCANS[name].beam == "cone"}
POSES = {
    **UPRIGHT,
    "tilted": laws.tilted(SCANS["cone"]),
    "leaning": laws.leaning(SCANS["helix"]),
    "displaced": ScanGeometry.cone(ANGLES, 61, 3.0, axis_column=12.0, axis_row=1.0, **CONE),
}


@pytest.mark.parametrize("name", POSES)
def test_slopes_bound_every_ray_closely(name):
    scan = POSES[name]
    low, high = slopes(scan)
    for view in range(scan.n_views):
        _, along = scan.rays(view)
        rise = along[..., 2] / np.linalg.norm(along[..., :2], axis=-1)
        close = 0.005 * np.abs(rise).max()
        assert rise.min() - close <= low[view] <= rise.min()
        assert rise.max() <= high[view] <= rise.max() + close


def test_a_helix_touches_a_slab_with_few_of_its_views():
    z = np.linspace(-200, 200, 400)
    scan = ScanGeometry.helical(np.linspace(0, 60, 400), z, 31, 1.7, **CONE)
    slab = GRID.crop(slice(0, 4), slice(None), slice(None))
    meeting = views_meeting(slab, scan)
    assert 0 < len(meeting) < 100
    away = np.setdiff1d(np.arange(400), meeting)
    assert not ProjectionOp(slab, scan.views(away))(np.ones(slab.shape, np.float32)).any()


def test_what_cannot_fit_is_refused_with_the_number():
    with pytest.raises(InputError, match="at most 1000 bytes"):
        SplitProjectionOp(GRID, SCANS["cone"], budget_bytes=1000)


def test_only_stacks_part_by_rows():
    climbing = replace(SCANS["parallel"], source=SCANS["parallel"].source - [0, 0, 0.2])
    assert [is_stacked(GRID, s) for s in (SCANS["parallel"], SCANS["fan"], SCANS["cone"], climbing)] == [1, 1, 0, 0]
    split = SplitProjectionOp(GRID, climbing, budget_bytes=predict_bytes(GRID, climbing) // 3)
    x = laws.noise(GRID.shape, np.float32)
    whole = ProjectionOp(GRID, climbing)(x)
    assert laws.norm(split(x) - whole) <= 1e-6 * laws.norm(whole)
