"""What makes an image simple, in the one form that the proximal algorithms need: φ(K x) with its dual ball."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from scanmill.algorithms.reconstruction.items import PerItem, item_sum
from scanmill.algorithms.reconstruction.iteration import Bounds, clip
from scanmill.algorithms.reconstruction.total_variation import gradient_length, inside_ball
from scanmill.arrays import Array, xp_of
from scanmill.operators import LinearOperator
from scanmill.operators.difference import GradientOp


class Sparsity(ABC):
    """A norm φ of K x: total variation, the sum of wavelet coefficients, the nuclear norm.

    ``analysis`` is K, ``norm_squared`` a bound of ‖K‖². ``value(K x)`` is φ in float64, of every item along
    ``item_axis`` (`items`); ``inside(q, radius)`` the nearest point to q in the ball of that radius of the dual norm.
    One whose K is ``unitary`` has its denoising in closed form. One that is ``moving`` is another one in every
    iteration (a wavelet transform of the shifted image, blocks laid elsewhere): ``at(iteration)``.
    """

    analysis: LinearOperator
    norm_squared: float
    unitary: bool = False
    moving: bool = False
    item_axis: int | None = None

    @abstractmethod
    def value(self, coefficients: Array) -> PerItem: ...  # noqa: D102

    @abstractmethod
    def inside(self, dual: Array, radius: PerItem) -> Array: ...  # noqa: D102

    def lowered(self, coefficients: Array, radius: PerItem) -> Array:
        """argmin ½ ‖c - coefficients‖² + radius φ(c): by Moreau what is not inside the ball."""
        return coefficients - self.inside(coefficients, radius)

    def at(self, iteration: int) -> Sparsity:
        """The sparsity of this iteration, counted from 1."""
        return self


class TotalVariation(Sparsity):
    """Isotropic total variation over neighbouring voxels, whatever their spacing, along ``axes`` (all)."""

    def __init__(self, op: LinearOperator, *, axes: Sequence[int] | None = None, item_axis: int | None = None) -> None:
        gradient = GradientOp(op.in_shape, axes=axes, dtype=op.dtype)
        self.analysis, self.item_axis = gradient, item_axis
        self.norm_squared = 4.0 * max(sum(op.in_shape[axis] > 1 for axis in gradient.axes), 1)

    def value(self, coefficients: Array) -> PerItem:
        """Σ |∇x|."""
        return item_sum(gradient_length(coefficients), self.item_axis)

    def inside(self, dual: Array, radius: PerItem) -> Array:
        """Each voxel's vector drawn to the radius."""
        return inside_ball(dual, radius)


def shrink(image: Array, sparsity: Sparsity, weight: PerItem) -> tuple[Array, PerItem]:
    """argmin ½ ‖x - image‖² + α φ(K x) for a ``unitary`` K, and φ(K x) there: Kᴴ of the lowered coefficients."""
    coefficients = sparsity.lowered(sparsity.analysis(image), weight)
    return sparsity.analysis.H(coefficients), sparsity.value(coefficients)


def denoise(
    image: Array,
    sparsity: Sparsity,
    weight: PerItem,
    n_iterations: int,
    *,
    bounds: Bounds = (None, None),
    dual: Array | None = None,
) -> tuple[Array, Array]:
    """argmin ½ ‖x - image‖² + α φ(K x) inside the bounds by fast gradient projection on the dual; x and the dual.

    q⁺ ← (r + K P(image - Kᴴ r) / L) drawn into the ball of radius α, x = P(image - Kᴴ q), r the extrapolated q and
    L >= ‖K‖² (Beck & Teboulle, IEEE Trans. Image Process. 18 (2009) 2419, eqs. 4.9 to 4.11). Without bounds and with
    an orthonormal K, one step is the exact answer: soft thresholding. ``dual`` is that of an earlier call to go on
    from.
    """
    K = sparsity.analysis
    q = xp_of(image).zeros(K.out_shape, dtype=K.dtype) if dual is None else sparsity.inside(dual, weight)
    r, t = q, 1.0
    for _ in range(n_iterations):
        x = clip(image - K.H(r), bounds)
        before, q = q, sparsity.inside(r + K(x) / sparsity.norm_squared, weight)
        before_t, t = t, (1 + (1 + 4 * t**2) ** 0.5) / 2
        r = q + ((before_t - 1) / t) * (q - before)
    return clip(image - K.H(q), bounds), q
