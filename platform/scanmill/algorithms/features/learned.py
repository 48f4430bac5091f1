"""Projections learned from a cohort's moments: principal components, whitening, discriminants."""

from __future__ import annotations

import numpy as np

from scanmill.algorithms.features.moments import CohortMoments
from scanmill.algorithms.features.projection import Projection
from scanmill.arrays import HostArray
from scanmill.errors import InputError

RANK = 1e-10
"""Directions with a variance under this part of the greatest count as none."""


def pca(moments: CohortMoments, n_components: int | None = None, *, whiten: bool = False) -> Projection:
    """The directions of greatest variance (n − 1) of all vectors, the greatest first, each of length 1.

    With ``whiten`` each is divided by its standard deviation. Directions without variance are left out, so there may
    be fewer than ``n_components``; the sign is such that a direction's greatest entry is positive.
    Raises InputError for fewer than 2 vectors and for a cohort of equal ones.

    >>> x = np.array([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]])
    >>> one = pca(CohortMoments.of(x))
    >>> one.matrix.round(6).tolist(), one.values.round(6).tolist()
    ([[0.6, 0.8]], [25.0])
    """
    variances, directions = _principal(moments, n_components)
    matrix = directions / np.sqrt(variances)[:, None] if whiten else directions
    return _projection("pca-whitened" if whiten else "pca", moments, matrix, variances)


def whitening(moments: CohortMoments, *, ridge: float = 1e-3) -> Projection:
    """C^(−1/2), symmetric, so that every axis keeps its meaning while the cohort's covariance becomes the identity.

    C is the covariance (n − 1) of all vectors plus ``ridge`` times its mean variance on the diagonal, which keeps
    directions that the cohort hardly shows from being blown up; 0 needs a cohort of full rank.

    >>> x = np.random.default_rng(0).normal(size=(50, 3)) * (1.0, 5.0, 0.2)
    >>> white = whitening(CohortMoments.of(x), ridge=0.0)(x)
    >>> bool(np.allclose(np.cov(white.T), np.eye(3)))
    True
    """
    covariance = _covariance(moments)
    least = ridge * float(np.trace(covariance)) / len(covariance)
    variances, vectors = np.linalg.eigh(covariance + least * np.eye(len(covariance)))
    if not variances[0] > RANK * variances[-1]:
        raise InputError("too few different vectors to whiten with", do="give a ridge or reduce with pca first")
    return _projection("whitening", moments, (vectors / np.sqrt(variances)) @ vectors.T, variances)


def lda(moments: CohortMoments, n_components: int | None = None, *, shrinkage: float = 0.1) -> Projection:
    """The directions in which the classes lie apart most for their spread, at most one fewer than classes.

    R. A. Fisher 1936, C. R. Rao 1948: S_between v = λ S_within v with S_within / n shrunk towards its mean variance,
    (1 − ``shrinkage``) S + ``shrinkage`` tr(S) / d I; vᵀ S v = 1, so that the spread within the classes is white.
    Raises InputError for fewer than two classes and a spread that cannot be inverted.

    >>> x, words = np.array([[0.0, 0.0], [2.0, 1.0], [0.0, 9.0], [2.0, 8.0]]), ["a", "a", "b", "b"]
    >>> y = lda(CohortMoments.of(x, words), shrinkage=0.0)(x)
    >>> abs(y[0] - y[2]) > 4 * abs(y[0] - y[1])
    array([ True])
    """
    import scipy.linalg

    if len(moments.classes) < 2:
        raise InputError("discriminants need two classes or more", got=len(moments.classes))
    n, d = int(moments.counts.sum()), moments.dimension
    within = moments.scatter / n
    within = (1 - shrinkage) * within + shrinkage * np.trace(within) / d * np.eye(d)
    try:
        ratios, vectors = scipy.linalg.eigh(moments.scatter_between / n, within)
    except np.linalg.LinAlgError as error:
        raise InputError("the spread within the classes cannot be inverted", do="give a greater shrinkage") from error
    keep = min(len(moments.classes) - 1, d, n_components or d)
    return _projection("lda", moments, _turned(vectors[:, ::-1][:, :keep].T), ratios[::-1][:keep])


def _principal(moments: CohortMoments, n_components: int | None) -> tuple[HostArray, HostArray]:
    """Variances and directions (k, d), the greatest first."""
    variances, vectors = np.linalg.eigh(_covariance(moments))
    variances, vectors = variances[::-1], vectors[:, ::-1].T
    keep = min(int((variances > RANK * variances[0]).sum()), n_components or len(variances))
    if keep < 1 or not variances[0] > 0:
        raise InputError("a cohort of equal vectors has no directions")
    return variances[:keep], _turned(vectors[:keep])


def _covariance(moments: CohortMoments) -> HostArray:
    n = int(moments.counts.sum())
    if n < 2:
        raise InputError("a covariance needs 2 vectors or more", got=n)
    return np.asarray((moments.scatter + moments.scatter_between) / (n - 1))


def _projection(kind: str, moments: CohortMoments, matrix: HostArray, values: HostArray) -> Projection:
    n_learned = int(moments.counts.sum())
    return Projection(kind, moments.mean, np.ascontiguousarray(matrix), values.copy(), moments.source, n_learned)


def _turned(rows: HostArray) -> HostArray:
    """Each row with the sign by which its greatest entry is positive."""
    greatest = np.take_along_axis(rows, abs(rows).argmax(axis=1)[:, None], axis=1)
    return np.asarray(np.where(greatest < 0, -rows, rows))
