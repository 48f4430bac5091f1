"""Operators on series of images: differences in time, subspaces, blocks."""

import numpy as np
import pytest

import laws
from scanmill.errors import InputError, SpecError
from scanmill.operators.blocks import BlocksOp
from scanmill.operators.subspace import SubspaceOp
from scanmill.operators.temporal import TemporalDifferenceOp, temporal_fourier_op


def test_differences_are_numpys():
    x = laws.noise((5, 2, 3), np.complex128)
    np.testing.assert_array_equal(TemporalDifferenceOp(x.shape, dtype=x.dtype)(x), np.diff(x, axis=0))
    cyclic = TemporalDifferenceOp(x.shape, is_cyclic=True, dtype=x.dtype)(x)
    np.testing.assert_array_equal(cyclic, np.roll(x, -1, axis=0) - x)


def test_a_lone_frame_has_no_differences():
    with pytest.raises(InputError):
        TemporalDifferenceOp((1, 2, 3))


def test_a_beating_voxel_has_two_temporal_frequencies():
    beat = np.cos(2 * np.pi * 3 * np.arange(16) / 16)[:, None]
    spectrum = temporal_fourier_op((16, 1), dtype=np.complex128)(beat)
    np.testing.assert_allclose(abs(spectrum).ravel()[[5, 11]], 2.0)
    assert np.count_nonzero(abs(spectrum) > 1e-12) == 2


def test_a_subspace_is_a_product_with_its_basis():
    basis = np.linalg.qr(laws.noise((7, 3), np.complex128))[0]
    op = SubspaceOp(basis, (3, 2, 4), dtype=np.complex128)
    x = laws.noise(op.in_shape, np.complex128)
    np.testing.assert_allclose(op(x), np.einsum("tc,czy->tzy", basis, x), atol=1e-13)
    np.testing.assert_allclose(op.H(op(x)), x, atol=1e-13)


def test_a_basis_that_does_not_fit_is_refused():
    for basis in (np.ones((7, 2)), np.ones(3)):
        with pytest.raises(InputError):
            SubspaceOp(basis, (3, 2, 4))


@pytest.mark.parametrize("image", [(1, 10, 12), (4, 7, 9), (2, 3, 3)])
def test_blocks_side_by_side_hold_every_voxel_once(image):
    op = BlocksOp((3, *image), (4, 4, 4), dtype=np.complex128)
    x = laws.noise(op.in_shape, np.complex128)
    np.testing.assert_array_equal(op.H(op(x)), x)
    assert laws.norm(op(x)) == pytest.approx(laws.norm(x))


def test_overlapping_blocks_are_those_of_a_sliding_window():
    x = laws.noise((3, 2, 10, 11), np.complex128)
    op = BlocksOp(x.shape, (2, 4, 3), stride=(1, 3, 2), dtype=np.complex128)
    windows = np.lib.stride_tricks.sliding_window_view(x, (2, 4, 3), axis=(1, 2, 3))[:, :, ::3, ::2]
    expected = windows.transpose(1, 2, 3, 0, 4, 5, 6).reshape(-1, 3, 24)
    np.testing.assert_array_equal(op(x), expected)


def test_a_block_of_a_series_with_one_time_course_has_rank_one():
    x = np.einsum("t,zyx->tzyx", np.arange(1.0, 6.0), laws.noise((1, 8, 8), np.float64))
    ranks = np.linalg.matrix_rank(BlocksOp(x.shape, (1, 4, 4), dtype=np.float64)(x))
    np.testing.assert_array_equal(ranks, 1)


def test_a_block_without_voxels_is_refused():
    for knobs in ({"block": (0, 4, 4)}, {"block": (1, 4, 4), "stride": (1, 0, 4)}):
        with pytest.raises(SpecError):
            BlocksOp((3, 1, 8, 8), **knobs)
