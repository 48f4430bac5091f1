"""NLINV: the image and the coil sensitivities together, without any calibration."""

from __future__ import annotations

from functools import partial

from scanmill.algorithms.reconstruction.data_term import data_squares
from scanmill.algorithms.reconstruction.items import item_ratio, item_squares, worst
from scanmill.algorithms.reconstruction.iteration import Callback, IterationStatus, StoppingRule, data_of
from scanmill.algorithms.reconstruction.mr.bilinear import BilinearModel
from scanmill.algorithms.reconstruction.mr.conjugate_gradients import conjugate_gradients
from scanmill.algorithms.reconstruction.mr.smooth_coils import SOBOLEV, SmoothCoilsOp
from scanmill.arrays import Array, xp_of
from scanmill.errors import InputError, SpecError
from scanmill.operators import LinearOperator
from scanmill.operators.linear import require_matched

DATA_NORM = 100.0
"""To what ‖Aᴴ y‖ is scaled, so that the same weights suit all data."""


def nlinv(
    op: LinearOperator,
    y: Array,
    *,
    gram: LinearOperator | None = None,
    n_iterations: int = 8,
    reduction: float = 2.0,
    first_weight: float = 1.0,
    least_weight: float = 0.0,
    sobolev: tuple[float, float] = SOBOLEV,
    coil_oversampling: float = 2.0,
    n_inner: int = 100,
    inner_tolerance: float = 0.1,
    callback: Callback | None = None,
) -> tuple[Array, Array]:
    """Image ρ and coil sensitivities c with y = A (ρ c) by the iteratively regularised Gauss-Newton method.

        (DFᴴ DF + α) h = DFᴴ (y - F(x)) - α x,     x ← x + h,     α ← α / ``reduction``,     F(ρ, ĉ) = A (ρ · F⁻¹ W ĉ)

    Uecker, Hohage, Block & Frahm, Magn. Reson. Med. 60 (2008) 674; for radial Uecker, Zhang & Frahm, ibid. 63 (2010)
    1456. α begins with ``first_weight`` and falls towards ``least_weight``; the number of steps is the regularisation.
    The penalty is ‖ρ‖² + ‖ĉ‖², W that of `SmoothCoilsOp` (a, b = ``sobolev``), from ρ = 1, c = 0; each step is solved
    by conjugate gradients to ``inner_tolerance``. y is scaled to ‖Aᴴ y‖ = 100 within, as BART does.

    A takes coil images (batch, coil, z, y, x) to data whose first axis counts the same items, each solved by itself;
    its Aᴴ A is ``gram``, or ``op.gram``. Gives the images (batch, 1, z, y, x) in the units of y, and the sensitivities
    (batch, 1, coil, z, y, x) with a unit sum of squares. ``coil_oversampling`` 1 makes the sensitivities periodic, as
    in BART's Cartesian form. Raises InputError for data of zeros, ConvergenceError where it diverges.

    Of the status, the residual is ‖A (ρ c) - y‖ / ‖y‖ before the step, the greatest of all items, the change that of ρ
    and ĉ by the step, the objective ½ ‖A (ρ c) - y‖² + ½ α (‖ρ‖² + ‖ĉ‖²), summed, for the scaled data, and ``image`` is
    ρ after it, in these units.
    """
    require_matched(op)
    if len(op.in_shape) != 5:
        raise InputError("NLINV needs an operator on coil images", expected="(batch, coil, z, y, x)", got=op.in_shape)
    if not (reduction > 1 and first_weight > 0 and least_weight >= 0 and n_inner >= 1 and inner_tolerance >= 0):
        raise SpecError(
            "NLINV needs a falling, positive weight and an inner iteration",
            got=(reduction, first_weight, least_weight, n_inner, inner_tolerance),
        )
    rule = StoppingRule(n_iterations, callback=callback)
    y = data_of(op, y)
    back = op.H(y)
    scale = _scale(back)
    y_squares: Array = scale.reshape(-1, 1) ** 2 * data_squares(y, -2)
    coils_op = SmoothCoilsOp(op.in_shape, oversampling=coil_oversampling, sobolev=sobolev, dtype=op.dtype)
    model = BilinearModel(gram or op.gram, back * scale.astype(back.real.dtype), coils_op)
    x, weight = model.start(), first_weight
    for iteration in range(1, n_iterations + 1):
        here = model.at(x)
        squares = xp_of(y).maximum(here.misfit + y_squares, 0)
        objective = 0.5 * float((squares + weight * item_squares(x, -2)).sum())
        step = conjugate_gradients(
            partial(here.normal, weight=weight),
            here.adjoint(here.towards) - weight * x,
            n_iterations=n_inner,
            tolerance=inner_tolerance,
        )
        x = x + step
        status = IterationStatus(
            iteration,
            residual=worst(item_ratio(squares, y_squares)) ** 0.5,
            change=worst(item_ratio(item_squares(step, -2), item_squares(x, -2))) ** 0.5,
            objective=objective,
            image=model.split(x)[0],
        )
        if rule.ends(status):
            break
        weight = (weight - least_weight) / reduction + least_weight
    image, coefficients = model.split(x)
    return _normalised(image / scale.astype(back.real.dtype), coils_op(coefficients))


def _scale(back: Array) -> Array:
    """What brings Aᴴ y of every item to its norm."""
    xp = xp_of(back)
    squares: Array = item_squares(back, -5)
    if not (squares > 0).all():
        raise InputError("NLINV got no signal", got="data of zeros or NaN in an item")
    scale: Array = DATA_NORM / xp.sqrt(squares)
    return scale


def _normalised(image: Array, coils: Array) -> tuple[Array, Array]:
    """ρ √Σ|c|² and c / √Σ|c|²."""
    xp = xp_of(image)
    length = xp.sqrt((xp.square(coils.real) + xp.square(coils.imag)).sum(axis=1, keepdims=True))
    return image * length, (coils / xp.where(length > 0, length, 1))[:, None]
