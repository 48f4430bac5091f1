"""Projections against closed forms, other tools and themselves."""

import tracemalloc

import numpy as np
import pytest

import laws
from scanmill.errors import InputError, SpecError
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.operators.backprojection import BackprojectionOp
from scanmill.operators.projection import ProjectionOp
from scanmill.operators.projection_memory import predict_bytes

ANGLES = np.linspace(0, 2 * np.pi, 12, endpoint=False) + 0.03
FOCUS = {"source_to_isocenter": 200.0, "source_to_detector": 320.0}


def ball_integrals(scan, middle, radius):
    """The chord of every ray through a ball (or, for rays in a plane, a disc), in mm."""
    out = np.empty(scan.shape)
    for view in range(scan.n_views):
        origin, along = scan.rays(view)
        off = origin - middle
        near = np.sum(off**2, axis=-1) - np.sum(off * along, axis=-1) ** 2
        out[view] = 2 * np.sqrt(np.maximum(radius**2 - near, 0))
    return out


def ball(grid, middle, radius, fine=4):
    """The part of each voxel that lies in a ball, by sampling its inside."""
    steps = (np.arange(fine) + 0.5) / fine - 0.5
    inside = np.zeros(grid.shape)
    z_steps = steps if grid.shape[0] > 1 else [0.0]
    axes = np.asarray(grid.direction) * np.asarray(grid.spacing)
    points = grid.voxel_points()
    for dz in z_steps:
        for dy in steps:
            for dx in steps:
                inside += np.sum((points + axes @ [dx, dy, dz] - middle) ** 2, axis=-1) <= radius**2
    return inside / (len(z_steps) * fine**2)


def scans(n_rows, pitch=1.0):
    size = FOCUS["source_to_detector"] / FOCUS["source_to_isocenter"]
    rows = {"n_rows": n_rows, "row_spacing": pitch}
    cone = ScanGeometry.cone(ANGLES, 70, pitch * size, n_rows=n_rows, row_spacing=pitch * size, **FOCUS)
    return {
        "parallel": ScanGeometry.parallel(ANGLES, 70, pitch, **rows, axis_column=33.2),
        "fan": ScanGeometry.fan(ANGLES, 70, pitch * size, **rows, **FOCUS, axis_column=33.2),
        "cone": cone,
        "tilted": laws.tilted(cone),
        "arc": ScanGeometry.cone(
            ANGLES, 70, pitch * size, n_rows=n_rows, row_spacing=pitch * size, detector_shape="cylindrical", **FOCUS
        ),
    }


@pytest.mark.parametrize("beam", ["parallel", "fan"])
@pytest.mark.parametrize("turn_deg", [0.0, 33.0])
def test_a_disc_in_an_anisotropic_shifted_turned_grid(beam, turn_deg):
    scan, middle = scans(1)[beam], np.array([4.0, -3.0, 0.0])
    c, s = np.cos(np.deg2rad(turn_deg)), np.sin(np.deg2rad(turn_deg))
    axes = ((c, -s, 0.0), (s, c, 0.0), (0.0, 0.0, 1.0))
    centered = VolumeGeometry.centered((1, 110, 140), (0.5, 0.7, 1.0))
    origin = tuple(np.array(axes) @ np.array(centered.origin) + [2.0, 1.0, 0.0])
    grid = VolumeGeometry(centered.shape, centered.spacing, origin, axes)
    got = ProjectionOp(grid, scan)(ball(grid, middle, 17.0).astype(np.float32))
    expected = ball_integrals(scan, middle, 17.0)
    assert np.linalg.norm(got - expected) <= 0.01 * np.linalg.norm(expected)
    assert abs(got.mean() / expected.mean() - 1) < 2e-3


@pytest.mark.parametrize("beam", ["cone", "tilted"])
def test_a_gaussian_blob(beam):
    scan, middle, sigma = scans(40)[beam], np.array([4.0, -3.0, 2.0]), 5.0
    grid = VolumeGeometry.centered((46, 44, 48), (1.0, 1.1, 0.9))
    x = np.exp(-np.sum((grid.voxel_points() - middle) ** 2, axis=-1) / (2 * sigma**2))
    got = ProjectionOp(grid, scan)(x.astype(np.float32))
    half_chords = ball_integrals(scan, middle, 1e3) / 2
    expected = np.sqrt(2 * np.pi) * sigma * np.exp(-(1e6 - half_chords**2) / (2 * sigma**2))
    assert np.linalg.norm(got - expected) <= 0.01 * np.linalg.norm(expected)


@pytest.mark.parametrize("name", [name for name in laws.OPERATORS if not name.startswith(("gradient", "adjoint"))])
def test_float32_agrees_with_float64(name):
    single, double = (laws.OPERATORS[name](dtype) for dtype in (np.float32, np.float64))
    x, y = laws.noise(single.in_shape, np.float32, 1), laws.noise(single.out_shape, np.float32, 2)
    for a, b, data in ((single, double, x), (single.H, double.H, y)):
        assert laws.norm(a(data) - b(data)) <= 1e-5 * laws.norm(b(data))


@pytest.mark.parametrize("pitch", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("beam", ["parallel", "fan", "cone"])
def test_all_kernels_compute_the_same_operator(beam, pitch):
    scan = {"parallel": laws.parallel(laws.GRID, pitch), "fan": laws.fan(laws.GRID, pitch), "cone": laws.cone(pitch)}
    ways = ("columns",) if beam == "cone" else ("slices", "columns")
    oracle = ProjectionOp(laws.GRID, scan[beam], dtype=np.float64, ownership="rays")
    x, y = laws.noise(oracle.in_shape, np.float64, 1), laws.noise(oracle.out_shape, np.float64, 2)
    for way in ways:
        op = ProjectionOp(laws.GRID, scan[beam], dtype=np.float64, ownership=way)
        np.testing.assert_allclose(op(x), oracle(x), atol=1e-11)
        np.testing.assert_allclose(op.H(y), oracle.H(y), atol=1e-11)


ARCS = {
    **{f"fan {pitch}": laws.arc("fan", pitch) for pitch in (0.5, 1.0, 2.0)},
    **{f"cone {pitch}": laws.arc("cone", pitch) for pitch in (0.5, 1.0, 2.0)},
    "spiral": laws.spiral(),
    "flat spiral": laws.spiral("flat"),
}


@pytest.mark.parametrize("name", ARCS)
def test_all_kernels_agree_on_a_cylinder(name):
    scan = ARCS[name]
    oracle = ProjectionOp(laws.GRID, scan, dtype=np.float64, ownership="rays")
    x, y = laws.noise(oracle.in_shape, np.float64, 1), laws.noise(oracle.out_shape, np.float64, 2)
    for way in ("slices", "columns") if scan.beam == "fan" else ("columns",):
        op = ProjectionOp(laws.GRID, scan, dtype=np.float64, ownership=way)
        np.testing.assert_allclose(op(x), oracle(x), atol=1e-11)
        np.testing.assert_allclose(op.H(y), oracle.H(y), atol=1e-11)


@pytest.mark.parametrize("ownership", ["columns", "rays"])
@pytest.mark.parametrize("turned", [False, True])
def test_a_cylinder_is_a_sheaf_of_flat_columns(ownership, turned):
    """Every ray is that of a flat scan with one pixel, which is another program."""
    scan = laws.leaning(laws.spiral()) if turned else laws.spiral()
    x = laws.noise(laws.GRID.shape, np.float64)
    if turned and ownership == "columns":
        pytest.skip("columns are for upright detectors")
    got = ProjectionOp(laws.GRID, scan, dtype=np.float64, ownership=ownership)(x)
    for view, row, column in [(1, 0, 3), (4, 5, 14), (5, 2, 0), (7, 3, 8)]:
        pixel, steps = scan.pixels(view)[row, column][None], (scan.column_step[[view]], scan.row_step[[view]])
        one = ScanGeometry("cone", scan.source[[view]], pixel, *steps, 1, 1)
        expected = ProjectionOp(laws.GRID, one, dtype=np.float64, ownership="rays")(x)[0, 0, 0]
        assert got[view, row, column] == pytest.approx(expected, abs=1e-10)
    assert not ProjectionOp(laws.GRID, laws.spiral(), ownership=ownership)(x)[[0, -1]].any()


@pytest.mark.parametrize("shape", ["flat", "cylindrical"])
def test_a_blob_on_a_cylinder_and_on_a_plane(shape):
    """The projector is as near to exact line integrals of a smooth object on an arc as on a plane."""
    size = FOCUS["source_to_detector"] / FOCUS["source_to_isocenter"]
    rows = {"n_rows": 24, "row_spacing": size, "detector_shape": shape}
    scan = ScanGeometry.helical(ANGLES, np.linspace(-9, 9, 12), 70, size, **rows, **FOCUS)
    scan = scan.with_focal_spot(angular=np.tile([0.004, -0.004], 6), radial=np.tile([0.0, 2.0], 6))
    middle, sigma = np.array([4.0, -3.0, 2.0]), 5.0
    grid = VolumeGeometry.centered((46, 44, 48), (1.0, 1.1, 0.9))
    x = np.exp(-np.sum((grid.voxel_points() - middle) ** 2, axis=-1) / (2 * sigma**2))
    half_chords = ball_integrals(scan, middle, 1e3) / 2
    expected = np.sqrt(2 * np.pi) * sigma * np.exp(-(1e6 - half_chords**2) / (2 * sigma**2))
    for ownership in ("columns", "rays"):
        got = ProjectionOp(grid, scan, ownership=ownership)(x.astype(np.float32))
        assert np.linalg.norm(got - expected) <= 0.005 * np.linalg.norm(expected)


@pytest.mark.parametrize("beam", ["parallel", "fan"])
def test_agrees_with_astra(beam):
    astra = pytest.importorskip("astra", reason="astra-toolbox is not installed")
    n, columns = 48, 60
    grid, angles = VolumeGeometry.centered((1, n, n)), ANGLES
    x = laws.noise(grid.shape, np.float32)
    if beam == "parallel":
        scan = ScanGeometry.parallel(angles, columns, 1.3)
    else:
        scan = ScanGeometry.fan(angles, columns, 2.0, **FOCUS)
    # ASTRA's y axis points against the rows of its images; its fanflat source stands at angle 0 below the object.
    vectors = np.stack(
        [
            np.concatenate(
                [
                    (scan.detector[v] - scan.source[v])[:2] if beam == "parallel" else scan.source[v][:2],
                    scan.detector[v][:2],
                    scan.column_step[v][:2],
                ]
            )
            for v in range(scan.n_views)
        ]
    )
    projections = astra.create_proj_geom(f"{beam if beam == 'parallel' else 'fanflat'}_vec", columns, vectors)
    volume = astra.create_vol_geom(n, n)
    kind = "linear" if beam == "parallel" else "line_fanflat"
    projector = astra.create_projector(kind, projections, volume)
    number, sinogram = astra.create_sino(np.ascontiguousarray(x[0, ::-1]), projector)
    astra.data2d.delete(number)
    astra.projector.delete(projector)
    ours = ProjectionOp(grid, scan)(x)[:, 0]
    if beam == "parallel":
        assert laws.norm(ours - sinogram) <= 1e-4 * laws.norm(sinogram)
    else:  # ASTRA's CPU has no interpolating fan beam: compare smooth images
        smooth = np.cumsum(np.cumsum(np.ones((n, n), np.float32), 0), 1)[None] / n**2
        projector = astra.create_projector(kind, projections, volume)
        number, sinogram = astra.create_sino(np.ascontiguousarray(smooth[0, ::-1]), projector)
        astra.data2d.delete(number)
        astra.projector.delete(projector)
        assert laws.norm(ProjectionOp(grid, scan)(smooth)[:, 0] - sinogram) <= 0.01 * laws.norm(sinogram)


def test_rows_counted_downwards_are_the_same_rows():
    scan = laws.cone(1.0, n_rows=6)
    fields = scan.to_dict() | {"row_step": (-scan.row_step).tolist()}
    x = laws.noise(laws.GRID.shape, np.float32)
    up, down = (ProjectionOp(laws.GRID, s)(x) for s in (scan, ScanGeometry.from_dict(fields)))
    np.testing.assert_allclose(down[:, ::-1], up, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("views", [slice(1, None, 3), [4, 0, 2], ANGLES > 2])
@pytest.mark.parametrize("scan", scans(3).values(), ids=scans(3))
def test_a_subset_is_those_rows_of_the_whole(scan, views):
    op = ProjectionOp(VolumeGeometry.centered((3, 9, 8)), scan)
    part = op.subset(views)
    x = laws.noise(op.in_shape, np.float32)
    assert part.scan.is_close(scan.views(views))
    np.testing.assert_array_equal(part(x), op(x)[views])
    y, padded = laws.noise(part.out_shape, np.float32), np.zeros(op.out_shape, np.float32)
    padded[views] = y
    np.testing.assert_allclose(part.H(y), op.H(padded), rtol=1e-4, atol=1e-4)


def test_a_subset_computes_no_geometry(monkeypatch):
    op = ProjectionOp(VolumeGeometry.centered((1, 9, 8)), scans(1)["fan"])
    monkeypatch.setattr(VolumeGeometry, "point_to_index", None)
    assert op.subset(slice(0, None, 2)).out_shape == (6, 1, 70)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("beam", "n_slices"),
    [("parallel", 2), ("parallel", 24), ("fan", 2), ("fan", 24), ("cone", 24), ("tilted", 24), ("arc", 24)],
)
def test_the_peak_is_predicted(beam, n_slices, dtype):
    grid = VolumeGeometry.centered((n_slices, 60, 50))
    scan = scans(n_slices)[beam]
    # Imports and compiles outside the count.
    warm = ProjectionOp(VolumeGeometry.centered((n_slices, 4, 4)), scan, dtype=dtype)
    warm.H(warm(np.zeros(warm.in_shape, dtype)))
    predicted = predict_bytes(grid, scan, dtype=dtype)
    tracemalloc.start()
    try:
        op = ProjectionOp(grid, scan, dtype=dtype)
        op.H(op(np.ones(op.in_shape, dtype)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 0.6 <= peak / predicted <= 1, (predicted, peak)


def test_a_backprojection_looks_up_each_shadow():
    grid = VolumeGeometry.centered((5, 12, 14), (1.0, 1.2, 0.8))
    for scan in (scans(40)["cone"], scans(40)["tilted"]):
        at = grid.voxel_points()[3, 2, 11]
        expected = 0.0
        y = np.zeros(scan.shape)
        for view in range(scan.n_views):
            axes = np.stack([scan.column_step[view], scan.row_step[view], scan.source[view] - at], axis=1)
            u, v, _ = np.linalg.solve(axes, at - scan.detector[view] + 0 * at)
            u, v = u + (scan.n_columns - 1) / 2, v + (scan.n_rows - 1) / 2
            y[view] = np.arange(40)[:, None] * 3.0 + np.arange(70) * 0.5  # linear, so that interpolation is exact
            normal = np.cross(scan.column_step[view], scan.row_step[view])
            depth = normal @ (at - scan.source[view]) / (normal @ -scan.source[view])
            expected += (v * 3.0 + u * 0.5) / depth**2
        got = BackprojectionOp(grid, scan, dtype=np.float64)(y)[3, 2, 11]
        assert got == pytest.approx(expected, rel=1e-9)


def test_rows_that_are_no_slices_are_refused():
    grid = VolumeGeometry.centered((2, 8, 8))
    downwards = ScanGeometry.parallel([0.0], 8, 1.0, n_rows=2)
    for scan in (
        ScanGeometry.parallel([0.0], 8, 1.0),
        ScanGeometry.parallel([0.0], 8, 1.0, n_rows=2, row_spacing=1.5),
        ScanGeometry.fan([0.0], 8, 1.0, n_rows=2, axis_row=0.0, **FOCUS),
        ScanGeometry.from_dict(downwards.to_dict() | {"row_step": [[0.0, 0.0, -1.0]]}),
    ):
        with pytest.raises(InputError, match="slices of the grid"):
            ProjectionOp(grid, scan)


def test_a_grid_around_the_focal_spot_is_refused():
    grid = VolumeGeometry.centered((1, 8, 8), (60.0, 60.0, 1.0))
    with pytest.raises(InputError, match="focal spot"):
        ProjectionOp(grid, ScanGeometry.fan([0.0], 8, 1.0, **FOCUS))
    behind = VolumeGeometry((1, 8, 8), (1.0, 1.0, 1.0), (0.0, -900.0, 0.0))
    with pytest.raises(InputError, match="focal spot"):
        ProjectionOp(behind, ScanGeometry.cone([0.0], 8, 1.0, n_rows=1, row_spacing=1.0, **FOCUS))


def test_a_focal_spot_far_from_its_arc_is_refused():
    scan = laws.arc("cone", 1.0)
    with pytest.raises(InputError, match="arc"):
        ProjectionOp(laws.GRID, scan.with_focal_spot(radial=90.0))


def test_a_detector_along_the_rays_is_refused():
    scan = ScanGeometry.parallel([0.0], 8, 1.0)
    fields = scan.to_dict() | {"column_step": [[0.0, 1.0, 0.0]]}
    with pytest.raises(InputError, match="along its rays"):
        ProjectionOp(VolumeGeometry.centered((1, 8, 8)), ScanGeometry.from_dict(fields))


def test_other_types_and_kernels_are_refused():
    grid, scan = VolumeGeometry.centered((1, 8, 8)), ScanGeometry.parallel([0.0], 8, 1.0)
    with pytest.raises(SpecError, match="float32"):
        ProjectionOp(grid, scan, dtype=np.complex64)
    with pytest.raises(SpecError, match="these kernels"):
        ProjectionOp(grid, laws.tilted(scans(3)["cone"]), ownership="columns")
