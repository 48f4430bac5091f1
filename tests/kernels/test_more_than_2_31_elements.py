"""Arrays of more than 2^31 elements, in files with holes: what stands behind the 2^31st is found and written."""

import numpy as np
import pytest

import laws
from scanmill.algorithms.reconstruction.helical import helix_of
from scanmill.algorithms.reconstruction.helical.rebinning import rebin
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.kernels import columns, helix, planar, rays, voxels
from scanmill.operators.backprojection import BackprojectionOp
from scanmill.operators.projection import ProjectionOp
from scanmill.operators.projection_frames import frames_of
from scanmill.operators.projection_tables import shadow_tables

pytestmark = pytest.mark.long

SHAPE = (3, 27_000, 27_000)
BLOCK = (2, slice(-8, -2), slice(-300, -200))
CORNER = (slice(0, 3), slice(-20, None), slice(-400, None))


def far_corner():
    """A cone along -x through the last rows of the last slice, three rows by five columns."""
    source, detector = [[40_000.0, 13_494.0, 1.0]], [[-40_000.0, 13_494.0, 1.0]]
    return ScanGeometry("cone", source, detector, [[0.0, 1.0, 0.0]], [[0.0, 0.0, 0.5]], 3, 5)


def sparse(path, shape):
    """Zeros that take no room until they are written."""
    return np.memmap(path, np.float32, "w+", shape=shape)


@pytest.fixture
def grid():
    assert np.prod(SHAPE, dtype=np.int64) > 2**31
    return VolumeGeometry.centered(SHAPE)


@pytest.fixture
def oracle(grid):
    """The corner alone, which is all that is not zero."""
    return ProjectionOp(grid.crop(*CORNER), far_corner(), dtype=np.float64, ownership="rays")


@pytest.fixture
def block(oracle):
    """The values of the corner."""
    values = np.zeros(oracle.in_shape)
    values[BLOCK] = np.linspace(1, 2, 100)
    return values


def test_rays_reach_voxels_beyond_2_31(grid, oracle, block, tmp_path):
    x = sparse(tmp_path / "x", SHAPE)
    x[BLOCK] = block[BLOCK]
    op = ProjectionOp(grid, far_corner(), ownership="rays")
    expected = oracle(block)
    assert expected.max() > 50
    np.testing.assert_allclose(op(x), expected, atol=0.02 * expected.max())


def test_a_voxel_beyond_2_31_gathers_its_rays(grid, oracle, tmp_path):
    y = abs(laws.noise(oracle.out_shape, np.float32))
    method = ProjectionOp(grid, far_corner(), ownership="rays")._method
    out = sparse(tmp_path / "out", (1, int(np.prod(SHAPE, dtype=np.int64))))
    owner = int(np.ravel_multi_index((2, SHAPE[1] - 6, SHAPE[2] - 250), SHAPE))
    rays.BACKPROJECT.body(owner, y[None], method.frames, method.maps, method.arcs, method.mm, *SHAPE, out)
    expected = oracle.H(y)[2, -6, -250]
    assert expected > 0.05
    assert out[0, owner] == pytest.approx(expected, rel=0.02)


def test_columns_reach_planes_beyond_2_31(grid, oracle, block, tmp_path):
    nz, ny, nx = SHAPE
    op = ProjectionOp(grid, far_corner(), ownership="columns")
    method, scan = op._method, op.scan
    along_x, along_y = sparse(tmp_path / "x", (nx, ny + 2, nz)), np.zeros((1, 3, nz), np.float32)
    along_x[-400:, -21:-1] = block.transpose(2, 1, 0)
    runs, work = np.zeros((1, nz + 3), np.float32), np.zeros((1, scan.n_columns, scan.n_rows), np.float32)
    out, rise = np.zeros(scan.shape, np.float32), np.float32(1)
    columns.PROJECT.body(0, along_x, along_y, method.drive, method.tables, 1, rise, runs, work, out)
    expected = oracle(block)
    np.testing.assert_allclose(out, expected, atol=0.02 * expected.max())


def test_a_plane_beyond_2_31_collects_its_rays(grid, oracle, tmp_path):
    nz, ny, nx = SHAPE
    op = ProjectionOp(grid, far_corner(), ownership="columns")
    method, pad = op._method, op._method.pad
    y = abs(laws.noise(oracle.out_shape, np.float32))
    scaled = np.zeros((1, op.scan.n_columns, op.scan.n_rows + 2 * pad), np.float32)
    columns.SCALE(1, y, method.tables, np.float32(1), pad, scaled)
    runs, planes = sparse(tmp_path / "runs", (nx, nz)), sparse(tmp_path / "planes", (nx, ny + 2, nz))
    columns.BACKPROJECT.body(nx - 250, scaled, 0, method.drive, method.tables, 1, pad, runs, planes)
    expected = oracle.H(y)[:, -20:, -250]
    np.testing.assert_allclose(planes[nx - 250, -21:-1].T, expected, atol=0.02 * expected.max())


FAN = ScanGeometry.parallel([0.0, 0.7, 1.9], 60_000, 1.0, n_rows=3)
"""Rays within slices, over a detector wider than the grid's diagonal."""


def corner_of(slices):
    """The last rows and columns of the grid, with so many slices."""
    return VolumeGeometry.centered((slices, *SHAPE[1:])).crop(slice(0, slices), *CORNER[1:])


def test_slices_reach_voxels_beyond_2_31(tmp_path):
    nz, ny, nx = SHAPE
    values = np.zeros((3, 20, 400))
    values[BLOCK] = np.linspace(1, 2, 100)
    small = ProjectionOp(corner_of(3), FAN, dtype=np.float64, ownership="slices")
    op = ProjectionOp(VolumeGeometry.centered(SHAPE), FAN, ownership="slices")
    along_x, along_y = sparse(tmp_path / "x", (nz, ny + 3, nx)), sparse(tmp_path / "y", (nz, nx + 3, ny))
    along_x[:, -22:-2, -400:], along_y[:, -402:-2, -20:] = values, values.transpose(0, 2, 1)
    expected, out = small(values), np.zeros(FAN.shape, np.float32)
    for view in range(FAN.n_views):
        column = int(expected[view, 2].argmax())
        owner = int(np.ravel_multi_index((2, view, column), (nz, FAN.n_views, FAN.n_columns)))
        planar.PROJECT.body(owner, along_x, along_y, op._method.drive, op._method.tables, out)
        assert out[view, 2, column] == pytest.approx(expected[view, 2, column], rel=0.03)


@pytest.mark.parametrize("kernel", ["planar", "in_slices"])
def test_a_voxel_beyond_2_31_of_a_stack_gathers_its_rays(kernel, tmp_path):
    """Sinograms and image both have more than 2^31 elements; all but one row of the detector is empty."""
    n_columns, n_views = 60_000, 12_000
    angles = np.linspace(0, np.pi, n_views, endpoint=False)
    scan = ScanGeometry.parallel(angles, n_columns, 1.0, n_rows=3)
    grid, corner = VolumeGeometry.centered(SHAPE), corner_of(3)
    sinograms, out = sparse(tmp_path / "y", (3, n_views, n_columns + 4)), sparse(tmp_path / "out", SHAPE)
    assert sinograms.size > 2**31
    last = slice(n_views - 3, None)
    row = abs(laws.noise((3, n_columns), np.float32))
    sinograms[2, last, 2:-2] = row
    y = np.broadcast_to(row[:, None], (3, 3, n_columns))
    owner = int(np.ravel_multi_index((2, SHAPE[1] - 6, SHAPE[2] - 250), SHAPE))
    if kernel == "planar":
        shadows, taps = shadow_tables(frames_of(grid, scan))
        shadows[0] += planar.COLUMN_PAD
        planar.BACKPROJECT.body(owner, sinograms, shadows.astype(np.float32), taps, out)
        expected = ProjectionOp(corner, scan.views(last), dtype=np.float64).H(y.astype(np.float64))
    else:
        op = BackprojectionOp(grid, scan, ownership="voxels")
        voxels.IN_SLICES.body(owner, sinograms, op._maps, 0, 0, out)
        expected = BackprojectionOp(corner, scan.views(last), dtype=np.float64)(y.astype(np.float64))
    assert expected[2, -6, -250] > 0.05
    assert out[2, -6, -250] == pytest.approx(expected[2, -6, -250], rel=0.05)


def helix_scan(n_views):
    """As many views and pixels as a clinical helix has: 46,000 of 64 rows by 736 columns are more than 2^31."""
    turn = np.arange(n_views) * 2 * np.pi / 1000
    return ScanGeometry.helical(
        turn, 0.02 * np.arange(n_views), 736, 1.28, n_rows=64, row_spacing=1.1, source_to_isocenter=595.0,
        source_to_detector=1085.0,
    )  # fmt: skip


def test_the_last_views_of_a_long_helix_are_rebinned(tmp_path):
    scan, near = helix_scan(46_000), slice(45_000, 46_000)
    y = sparse(tmp_path / "y", scan.shape)
    assert y.size > 2**31
    y[near] = laws.noise((1000, 64, 736), np.float32)
    whole, part = helix_of(scan), helix_of(scan.views(near))
    at = part.angles[-2:]
    ours, _ = rebin(y, whole, 0, at + 45 * 2 * np.pi)
    theirs, _ = rebin(y[near], part, 0, at)
    assert abs(theirs).max() > 1
    np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_the_last_thetas_of_a_long_helix_are_gathered(tmp_path):
    n_thetas, n_t, n_rows = 46_000, 736, 64
    filtered, rng = sparse(tmp_path / "q", (1, n_thetas, n_t, n_rows)), np.random.default_rng(0)
    assert filtered.size > 2**31
    last = slice(n_thetas - 20, None)
    filtered[0, last] = rng.random((20, n_t, n_rows), np.float32)
    tables = np.zeros((1, 4, n_thetas, n_t), np.float32)
    tables[0] = np.array([0.0, -595.0, 985.0, 31.5])[:, None, None]
    theta = np.linspace(0, 100, n_thetas)
    turn = np.stack([np.cos(theta), np.sin(theta)]).astype(np.float32)
    place = np.array([[30.0], [-40.0]], np.float32)
    sizes = np.array([-183.0, 2.0, 0.4, -2.0, 1.0], np.float32)

    def gathered(q, t, angles, n_half):
        scratch, out = np.zeros((2, 1, 5), np.float32), np.zeros((2, 1, 5), np.float32)
        helix.BACKPROJECT.body(0, q, t, angles, place, sizes, n_half, scratch, out)
        return out

    whole = gathered(filtered, tables, turn, n_thetas)[0]
    part = gathered(np.array(filtered[:, last]), tables[:, :, last].copy(), turn[:, last].copy(), 20)[0]
    assert part.min() > 1
    np.testing.assert_allclose(whole, part, rtol=1e-5)
