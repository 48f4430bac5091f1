"""The steps σ and τ of the primal-dual hybrid gradient: fixed, or balanced on the way."""

from __future__ import annotations

from collections.abc import Sequence

from scanmill.algorithms.reconstruction.items import PerItem, as_item, item_ratio, item_squares
from scanmill.algorithms.reconstruction.power_iteration import SAFETY
from scanmill.algorithms.reconstruction.sparsity import Sparsity
from scanmill.arrays import Array, xp_of
from scanmill.errors import SpecError

FIRST_CHANGE = 0.5
LATER = 0.95
"""The balance changes by the factor 1 - 0.5 at first, and every next time by 0.95 of the last 0.5."""
APART = 2.0
"""It changes where one residual is so many times the other one."""
LEAST = 0.1
"""The least balance: below it the image's step, 1 / (L (b + 1/2)), grows no more, and the dual only stands still."""


class Steps:
    """The same σ of every block and τ for ever."""

    learns = False

    def __init__(self, sigmas: Sequence[PerItem], tau: PerItem) -> None:
        self.sigmas, self.tau = list(sigmas), tau

    def learn(self, optimality: tuple[Array, Array], scales: tuple[Array, Array]) -> None:
        """Take in what is left of the conditions of optimality of image and dual, and arrays of their scales."""


class BalancedSteps(Steps):
    """For one sparsity block and a data term that is met by gradient steps: σ = b L / ‖K‖², τ = 1 / (L (b + 1/2)).

    L = (1.05 ‖A‖)², so that 1 / τ - σ ‖K‖² = L / 2, which converges (Condat 2013, theorem 3.1) whatever b > 0, and the
    scale of A does not matter. b is the speed of the dual at the cost of the image's; it begins with ``balance`` and
    follows what is left of the two conditions of optimality, by less and less, so that it settles, and not below
    `LEAST` (Goldstein, Li & Yuan, Adv. Neural Inf. Process. Syst. 28 (2015) 2089, alg. 2). Every item has its own.
    """

    learns = True

    def __init__(self, norm: PerItem, sparsity: Sparsity, balance: float, x: Array) -> None:
        if not balance > 0:
            raise SpecError("the balance of primal and dual steps must be positive", got=balance)
        self._lipschitz, self._norm_squared = (SAFETY * norm) ** 2, sparsity.norm_squared
        self._item_axis, self._like = sparsity.item_axis, x[..., :1]
        self._balance: PerItem = balance + 0.0 * self._lipschitz
        self._change: PerItem = FIRST_CHANGE + 0.0 * self._lipschitz
        self._set()

    def learn(self, optimality: tuple[Array, Array], scales: tuple[Array, Array]) -> None:
        """Make the dual faster where more is left of its condition, slower where more is left of the image's."""
        image, dual = (
            item_ratio(item_squares(left, self._item_axis), item_squares(scale, self._item_axis))
            for left, scale in zip(optimality, scales, strict=True)
        )
        faster, slower = 1.0 * (dual > APART**2 * image), 1.0 * (image > APART**2 * dual)
        balance = self._balance * (1 - self._change) ** (slower - faster)
        self._balance = xp_of(image).maximum(balance, xp_of(image).minimum(self._balance, LEAST))
        self._change = self._change * LATER ** (slower + faster)
        self._set()

    def _set(self) -> None:
        L, b = self._lipschitz, self._balance
        tau = item_ratio(1.0 * (L > 0), L * (b + 0.5))
        self.sigmas = [as_item(b / self._norm_squared * L, self._like, self._item_axis)]
        self.tau = as_item(tau, self._like, self._item_axis)
