"""Volumes of more than 2^31 voxels, in files with holes: what stands behind the 2^31st is found and written."""

import numpy as np
import pytest

import laws
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.kernels import columns, rays
from scanmill.operators.projection import ProjectionOp

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
