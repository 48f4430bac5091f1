"""JSENSE: the image and smooth coil sensitivities from the same undersampled data, in turn."""

from __future__ import annotations

from typing import NamedTuple

from scanmill.algorithms.calibration.polynomial_coils import PolynomialCoilsOp, legendre_basis
from scanmill.algorithms.reconstruction.items import relative_change
from scanmill.algorithms.reconstruction.iteration import (
    Callback,
    IterationStatus,
    StoppingRule,
    data_of,
    norm,
    relative,
)
from scanmill.algorithms.reconstruction.mr.conjugate_gradients import conjugate_gradients
from scanmill.arrays import Array, xp_of
from scanmill.errors import InputError, SpecError
from scanmill.operators import LinearOperator
from scanmill.operators.coils import CoilsOp
from scanmill.operators.linear import require_matched


class JointEstimate(NamedTuple):
    """``coil_sensitivities`` (batch, 1, coil, z, y, x) whose sum of squares is 1 and the ``image`` (batch, 1, z, y, x)
    that goes with them."""

    coil_sensitivities: Array
    image: Array


def joint_sensitivities(
    encoding: LinearOperator,
    y: Array,
    *,
    gram: LinearOperator | None = None,
    degree: int = 8,
    n_iterations: int = 10,
    n_inner: int = 10,
    damping: float = 1e-3,
    change_tolerance: float = 0.0,
    callback: Callback | None = None,
) -> JointEstimate:
    """argmin ‖E (c(a) x) − y‖² over the image x and the coefficients a of polynomial sensitivities c of ``degree``.

    ``encoding`` takes coil images (batch, coil, z, y, x) to data: ``SamplingOp @ FourierOp``, or a `NufftOp`; Eᴴ E is
    ``gram``, or ``encoding.gram``. It starts from the root of the sum of squares of Eᴴ y, and then fits the
    coefficients for the image and the image for the coefficients, each by ``n_inner`` steps of conjugate gradients from
    where it stood, with ``damping`` times the greatest Σ |c|² (or |x|²) on the diagonal: L. Ying, J. Sheng, Magn.
    Reson. Med. 57 (2007) 1196, eqs. 7 to 10. Items of the batch are independent. The objective of the status is
    ½ ‖E c x − y‖², its image x before the scaling.

    The data needs a densely sampled middle, and the field of view should hold nothing that wraps. Raises SpecError for
    wrong knobs, ConvergenceError where it diverges.
    """
    if n_inner < 1 or damping < 0:
        raise SpecError("inner steps are 1 or more, damping 0 or more", got=(n_inner, damping))
    if len(encoding.in_shape) != 5:
        raise InputError("an encoding of coil images", expected="(batch, coil, z, y, x)", got=encoding.in_shape)
    require_matched(encoding)
    rule = StoppingRule(n_iterations, 0.0, change_tolerance, callback)
    y = data_of(encoding, y)
    xp, n_coils = xp_of(y), encoding.in_shape[1]
    basis = xp.asarray(legendre_basis(encoding.in_shape[2:], degree))
    back, gram = encoding.H(y), gram or encoding.gram
    x = xp.sqrt(xp.square(xp.abs(back)).sum(axis=1, keepdims=True)).astype(encoding.dtype)
    a = xp.zeros((len(x), n_coils, len(basis)), dtype=encoding.dtype)
    for iteration in range(1, n_iterations + 1):
        coils = PolynomialCoilsOp(x, basis, n_coils, dtype=encoding.dtype)
        a = _fit(gram, coils, back, a, n_inner, damping * _greatest(_squares(x)))
        maps, before = coils.sensitivities(a), x
        sense = CoilsOp(maps[:, None], dtype=encoding.dtype)
        x = _fit(gram, sense, back, x, n_inner, damping * _greatest(_squares(maps)))
        left = norm(encoding(sense(x)) - y)
        change = float(relative_change(x, before, None))
        if rule.ends(IterationStatus(iteration, relative(left, norm(y)), change, 0.5 * left**2, x)):
            break
    size = xp.sqrt(_squares(maps))
    return JointEstimate((maps / xp.where(size > 0, size, 1))[:, None], x * size)


def _fit(gram: LinearOperator, model: LinearOperator, back: Array, start: Array, n_steps: int, weight: Array) -> Array:
    """(Mᴴ Eᴴ E M + λ) u = Mᴴ Eᴴ y by conjugate gradients from ``start``."""
    weight = weight.astype(start.real.dtype).reshape(-1, *[1] * (start.ndim - 1))
    return conjugate_gradients(
        lambda u: model.H(gram(model(u))) + weight * u, model.H(back), x0=start, n_iterations=n_steps
    )


def _squares(images: Array) -> Array:
    """Σ |c|² over the coils, (batch, 1, z, y, x)."""
    xp = xp_of(images)
    return (xp.square(images.real) + xp.square(images.imag)).sum(axis=1, keepdims=True)


def _greatest(squares: Array) -> Array:
    """The greatest number of every item."""
    return squares.max(axis=(1, 2, 3, 4))
