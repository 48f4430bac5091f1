"""A small dense operator with a known matrix, for the algorithms' truths."""

from collections.abc import Callable

import numpy as np
import pytest

from scanmill.operators import LinearOperator


class MatrixOp(LinearOperator):
    """A matrix, on images (n,) and data (view, ray)."""

    def __init__(self, matrix: np.ndarray, n_views: int, *, matched: bool = True) -> None:
        super().__init__((matrix.shape[1],), (n_views, matrix.shape[0] // n_views), matrix.dtype)
        self.matrix, self.matched = matrix, matched

    def _apply(self, x):
        return (self.matrix @ x).reshape(self.out_shape)

    def _adjoint(self, y):
        return self.matrix.T @ y.ravel()

    def subset(self, views):
        rows = self.matrix.reshape(*self.out_shape, -1)[views]
        return MatrixOp(rows.reshape(-1, self.in_shape[0]), len(rows))


@pytest.fixture
def matrix_op() -> Callable[..., MatrixOp]:
    """A seeded non-negative matrix operator, like a projector's."""

    def build(*, n_views=6, n_rays=5, n_voxels=12, seed=0, dtype=np.float64, matched=True):
        matrix = np.random.default_rng(seed).random((n_views * n_rays, n_voxels)).astype(dtype)
        matrix[matrix < 0.4] = 0
        return MatrixOp(matrix, n_views, matched=matched)

    return build
