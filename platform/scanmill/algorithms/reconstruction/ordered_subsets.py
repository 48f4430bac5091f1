"""Ordered subsets: the views in groups that correct the image in turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import numpy as np

from scanmill.arrays import Array, HostArray
from scanmill.errors import SpecError
from scanmill.operators import LinearOperator

SubsetOrder = Literal["golden", "random", "sequential"]


class ViewOperator(Protocol):
    """A LinearOperator whose data's first axis are views, and that can be cut to some of them."""

    def subset(self, views: Any) -> LinearOperator:
        """The operator of the chosen views only."""


@dataclass(frozen=True)
class OrderedSubsets:
    """``n_subsets`` groups of the views, each of every ``n_subsets``-th one, and the order in which they are met.

    Raises SpecError where there are more subsets than views. One subset is the operator itself, which then needs no
    ``subset``.
    """

    op: LinearOperator
    n_subsets: int
    order: SubsetOrder = "golden"
    seed: int = 0

    def __post_init__(self) -> None:
        n_views = self.op.out_shape[0]
        if not 1 <= self.n_subsets <= n_views:
            raise SpecError("wrong number of subsets", expected=f"1 to {n_views} (views)", got=self.n_subsets)
        if self.order not in get_args(SubsetOrder):
            raise SpecError("unknown order of subsets", expected=", ".join(get_args(SubsetOrder)), got=self.order)

    def operators(self) -> list[LinearOperator]:
        """The operator of each subset."""
        if self.n_subsets == 1:
            return [self.op]
        chosen = (np.arange(s, self.op.out_shape[0], self.n_subsets) for s in range(self.n_subsets))
        return [self.op.subset(views) for views in chosen]  # type: ignore[attr-defined]

    def data(self, values: Array) -> list[Array]:
        """Each subset's part of an array (view, row, column), without copying; one view stands for all of them."""
        if values.shape[0] == 1 != self.op.out_shape[0]:
            return [values] * self.n_subsets
        return [values[s :: self.n_subsets] for s in range(self.n_subsets)]

    def turn(self, iteration: int) -> HostArray:
        """The subsets in the order of one iteration."""
        return subset_order(self.n_subsets, self.order, seed=self.seed, iteration=iteration)


def subset_order(n_subsets: int, order: SubsetOrder, *, seed: int, iteration: int) -> HostArray:
    """The order in which the subsets are visited in one iteration, the same for the same seed.

    ``"golden"`` steps by the golden ratio, so that neighbours in time are far apart in angle (Köhler, IEEE NSS 2004);
    ``"random"`` is a new permutation every iteration.

    >>> subset_order(8, "golden", seed=0, iteration=1).tolist()
    [0, 5, 2, 7, 4, 1, 6, 3]
    """
    if order == "sequential":
        return np.arange(n_subsets)
    if order == "random":
        return np.random.default_rng((seed, iteration)).permutation(n_subsets)
    phase = np.mod(np.arange(n_subsets) * (np.sqrt(5) - 1) / 2, 1.0)
    ranks: HostArray = np.argsort(np.argsort(phase, kind="stable"), kind="stable")
    return ranks
