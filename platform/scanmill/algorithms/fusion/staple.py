"""STAPLE: the truth behind several segmentations, and how good each of them is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scanmill.algorithms.fusion.decisions import check_labels
from scanmill.arrays import Array, HostArray, to_host, xp_of
from scanmill.errors import InputError, SpecError

AT_FIRST = 0.99999
"""Sensitivity and specificity at the start, as in ITK."""
STRANGERS = 1e-14
"""No rater is taken to be less likely than this, so that no logarithm of zero arises."""


@dataclass(frozen=True, eq=False)
class Staple:
    """The probability of the object in each voxel (float64), and each rater's sensitivity and specificity."""

    probability: Array
    sensitivity: HostArray
    specificity: HostArray
    n_iterations: int


def staple(
    masks: Sequence[Array], *, prior: float | None = None, n_iterations: int = 200, tolerance: float = 1e-9
) -> Staple:
    """Masks of one shape (anything but 0 is inside) as raters of one unknown truth, by expectation maximisation.

    ``prior`` is the share of the object; by default the mean of all masks. The sums run over the patterns of votes that
    occur, so their cost does not grow with the image. Masks that all agree everywhere give themselves back.

    Source: S. K. Warfield, K. H. Zou, W. M. Wells, "Simultaneous truth and performance level estimation (STAPLE)",
    IEEE Trans. Med. Imaging 23 (2004) 903, equations 14, 18 and 19. Raises InputError for fewer than two masks, other
    shapes, or where all are empty or all are full.

    >>> import numpy as np
    >>> masks = [np.array([1, 1, 1, 0, 0, 0]), np.array([1, 1, 0, 0, 0, 0]), np.array([1, 1, 1, 0, 0, 1])]
    >>> (staple(masks).probability > 0.5).astype(int).tolist()
    [1, 1, 1, 0, 0, 0]
    """
    check_labels(masks)
    if len(masks) > 62:
        raise InputError("too many masks", expected="at most 62", got=len(masks))
    votes, counts, where = _patterns(masks)
    share = float((votes * counts).sum() / (counts.sum() * len(masks))) if prior is None else prior
    if not 0 < share < 1:
        if prior is not None:
            raise SpecError("the prior is a share of the voxels", expected="between 0 and 1", got=prior)
        raise InputError("the masks are all empty or all full", do="leave such a scan out")
    p = q = np.full(len(masks), AT_FIRST)
    done, moved = 0, np.inf
    while done < n_iterations and moved > tolerance:
        truth = _expectation(votes, p, q, share)
        before, (p, q) = np.concatenate([p, q]), _maximisation(votes, counts, truth, p, q)
        done, moved = done + 1, float(abs(np.concatenate([p, q]) - before).max())
    truth = _expectation(votes, p, q, share)
    return Staple(xp_of(masks[0]).asarray(truth)[where].reshape(masks[0].shape), p, q, done)


def _patterns(masks: Sequence[Array]) -> tuple[HostArray, HostArray, Array]:
    """The votes (rater, pattern) that occur, how often each does, and the pattern of each voxel."""
    xp = xp_of(masks[0])
    codes = sum((mask.reshape(-1) != 0).astype(xp.int64) << rater for rater, mask in enumerate(masks))
    found, where = xp.unique(codes, return_inverse=True)
    votes = (to_host(found)[None] >> np.arange(len(masks))[:, None]) & 1
    return votes, np.bincount(to_host(where).reshape(-1)), where.reshape(-1)


def _expectation(votes: HostArray, p: HostArray, q: HostArray, share: float) -> HostArray:
    """The probability of the object by pattern."""
    inside = np.log(share) + np.where(votes, np.log(p)[:, None], np.log1p(-p)[:, None]).sum(axis=0)
    outside = np.log1p(-share) + np.where(votes, np.log1p(-q)[:, None], np.log(q)[:, None]).sum(axis=0)
    return np.asarray(1 / (1 + np.exp(np.clip(outside - inside, -700, 700))))


def _maximisation(
    votes: HostArray, counts: HostArray, truth: HostArray, p: HostArray, q: HostArray
) -> tuple[HostArray, HostArray]:
    """Sensitivities and specificities by what is held to be true; where a class is empty they stay."""
    inside, outside = counts * truth, counts * (1 - truth)
    new_p = votes @ inside / inside.sum() if inside.sum() > 0 else p
    new_q = (1 - votes) @ outside / outside.sum() if outside.sum() > 0 else q
    return np.clip(new_p, STRANGERS, 1 - STRANGERS), np.clip(new_q, STRANGERS, 1 - STRANGERS)
