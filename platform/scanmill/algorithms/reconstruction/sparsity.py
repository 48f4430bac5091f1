"""What makes an image simple, in the one form that the proximal algorithms need: φ(K x) with its dual ball."""

from __future__ import annotations

from typing import Protocol

from scanmill.algorithms.reconstruction.iteration import Bounds, clip
from scanmill.algorithms.reconstruction.total_variation import inside_ball, total_variation
from scanmill.arrays import Array, xp_of
from scanmill.operators import LinearOperator
from scanmill.operators.difference import GradientOp


class Sparsity(Protocol):
    """A norm φ of K x: total variation, the sum of wavelet coefficients, the nuclear norm.

    ``analysis`` is K, ``norm_squared`` a bound of ‖K‖². ``value(K x)`` is φ in float64, ``inside(q, radius)`` the
    nearest point to q in the ball of that radius of the dual norm.
    """

    analysis: LinearOperator
    norm_squared: float

    def value(self, coefficients: Array) -> float: ...  # noqa: D102

    def inside(self, dual: Array, radius: float) -> Array: ...  # noqa: D102


class TotalVariation:
    """Isotropic total variation over neighbouring voxels, whatever their spacing."""

    def __init__(self, op: LinearOperator) -> None:
        self.analysis: LinearOperator = GradientOp(op.in_shape, dtype=op.dtype)
        self.norm_squared = 4.0 * max(sum(n > 1 for n in op.in_shape), 1)

    def value(self, coefficients: Array) -> float:
        """Σ |∇x|."""
        return total_variation(coefficients)

    def inside(self, dual: Array, radius: float) -> Array:
        """Each voxel's vector drawn to the radius."""
        return inside_ball(dual, radius)


def denoise(
    image: Array,
    sparsity: Sparsity,
    weight: float,
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
