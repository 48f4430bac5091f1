"""The primal-dual hybrid gradient: the one loop behind total variation and its generalisations."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Protocol

from scanmill.algorithms.reconstruction.data_term import DataTerm, Residuals
from scanmill.algorithms.reconstruction.items import PerItem, item_choice, relative_change, total, worst
from scanmill.algorithms.reconstruction.iteration import FREE, Bounds, IterationStatus, StoppingRule, clip
from scanmill.algorithms.reconstruction.pdhg_steps import Steps
from scanmill.algorithms.reconstruction.sparsity import Sparsity
from scanmill.arrays import Array, xp_of
from scanmill.operators import LinearOperator


class DualBlock(Protocol):
    """A convex F of K x that is met by a dual variable q: ``step(q, K x, σ)`` is prox of σ F* at q + σ K x."""

    op: LinearOperator

    def step(self, dual: Array, image: Array, sigma: PerItem) -> Array: ...  # noqa: D102

    def value(self, image: Array) -> PerItem: ...  # noqa: D102


class DataBlock:
    """½ ‖A x - y‖²."""

    def __init__(self, data: Residuals) -> None:
        self.op, self.data = data.op, data

    def step(self, dual: Array, image: Array, sigma: PerItem) -> Array:
        """(q + Σ (A x - y)) / (1 + Σ)."""
        return (dual + sigma * (image - self.data.y)) / (1 + sigma)

    def value(self, image: Array) -> PerItem:
        """½ ‖A x - y‖²."""
        return self.data.value(image, image)


class SparsityBlock:
    """α φ(K x)."""

    def __init__(self, sparsity: Sparsity, weight: PerItem) -> None:
        self.op, self.sparsity, self.weight = sparsity.analysis, sparsity, weight

    def step(self, dual: Array, image: Array, sigma: PerItem) -> Array:
        """q + σ K x, drawn into the ball of radius α."""
        return self.sparsity.inside(dual + sigma * image, self.weight)

    def value(self, image: Array) -> PerItem:
        """α φ."""
        return self.weight * self.sparsity.value(image)


def pdhg(
    x: Array,
    steps: Steps,
    data: DataTerm,
    blocks: Sequence[DualBlock],
    rule: StoppingRule,
    *,
    bounds: Bounds = FREE,
    data_is_dual: bool = False,
    item_axis: int | None = None,
) -> Array:
    """argmin of the data term and the blocks F(K x) inside the bounds, from ``x``.

        q ← prox(q + σ K x̄) of every block          x⁺ ← P(x - τ (∇data(x) + Σ Kᴴ q))          x̄ ← 2 x⁺ - x

    (Chambolle & Pock, J. Math. Imaging Vis. 40 (2011) 120; with the gradient step of the data Condat, J. Optim. Theory
    Appl. 158 (2013) 460, alg. 3.1.) σ and τ are ``steps``, which may learn from the residuals. With ``data_is_dual``
    the first block is the data term, and there is no gradient step. Items (`items`) end each by itself. The objective
    does not fall in every single iteration.
    """
    images = [block.op(x) for block in blocks]
    ahead, duals = images, [xp_of(x).zeros_like(image) for image in images]
    Fx = images[0] if data_is_dual else data.image_of(x)
    start, running, change = worst(data.residual(data.value(x, Fx))), True, float("inf")
    for iteration in range(1, rule.n_iterations + 1):
        before, images_before, duals_before = x, images, duals
        duals = [b.step(q, Kx, s) for b, q, Kx, s in zip(blocks, duals, ahead, steps.sigmas, strict=True)]
        slope = reduce(add, [block.op.H(dual) for block, dual in zip(blocks, duals, strict=True)])
        stepped = clip(x - steps.tau * (slope if data_is_dual else slope + data.gradient(Fx)), bounds)
        x = item_choice(running, stepped, x)
        images = [block.op(x) for block in blocks]
        Fx = images[0] if data_is_dual else data.image_of(x)
        if steps.learns:
            left = (duals_before[0] - duals[0]) / steps.sigmas[0] + ahead[0] - images[0]
            steps.learn((slope + data.gradient(Fx), left), (slope, images[0]))
        ahead = [2 * image - image_before for image, image_before in zip(images, images_before, strict=True)]
        misfit = data.value(x, Fx)
        residual, change = data.residual(misfit), item_choice(running, relative_change(x, before, item_axis), change)
        values = [block.value(image) for block, image in zip(blocks, images, strict=True)][data_is_dual:]
        status = IterationStatus(iteration, worst(residual), worst(change), total(sum(values, misfit)), x)
        ended = rule.ends(status, start)
        running = running & (residual > rule.residual_tolerance) & (change > rule.change_tolerance)
        if ended or not xp_of(running).any(running):
            break
    return x
