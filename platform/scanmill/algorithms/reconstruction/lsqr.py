"""LSQR: least squares by Golub and Kahan's bidiagonalisation."""

from __future__ import annotations

from math import hypot

from scanmill.algorithms.reconstruction.iteration import (
    Callback,
    IterationStatus,
    StoppingRule,
    data_of,
    norm,
    relative,
    squared_norm,
    start_of,
)
from scanmill.arrays import Array
from scanmill.errors import SpecError
from scanmill.operators import LinearOperator
from scanmill.operators.linear import require_matched


def lsqr(
    op: LinearOperator,
    y: Array,
    *,
    n_iterations: int = 30,
    damping: float = 0.0,
    x0: Array | None = None,
    residual_tolerance: float = 0.0,
    change_tolerance: float = 0.0,
    gradient_tolerance: float = 1e-7,
    callback: Callback | None = None,
) -> Array:
    """Least squares: argmin ‖A x - y‖² + λ² ‖x - x0‖², λ = ``damping``, x0 = 0 unless given.

    Paige & Saunders, ACM Trans. Math. Softw. 8 (1982) 43, with the names of their section 4. In exact arithmetic its
    images are those of `cgls`; in float32 it keeps its way longer where A is ill-conditioned. Unbounded by nature:
    clip afterwards. Without damping, stopping early is the regularisation. Unlike in `cgls`, the damping pulls to
    the start ``x0``.

    The objective of the status is half the function above. It also ends once the gradient has fallen to
    ``gradient_tolerance`` ‖Aᴴ y‖. Raises ConvergenceError where it diverges.
    """
    if damping < 0 or gradient_tolerance < 0:
        raise SpecError("damping and gradient_tolerance must not be negative", got=(damping, gradient_tolerance))
    require_matched(op)
    rule = StoppingRule(n_iterations, residual_tolerance, change_tolerance, callback)
    y = data_of(op, y)
    x = start_of(op, y, x0)
    first = None if x0 is None else x
    u, beta = _unit(y if first is None else y - op(x))
    v, alpha = _unit(op.H(u))
    w, rho_bar, phi_bar = v, alpha, beta
    y_norm, start, shed = norm(y), relative(beta, norm(y)), 0.0
    least_gradient = gradient_tolerance * (alpha * beta if first is None else norm(op.H(y)))
    gradient = alpha * beta
    for iteration in range(1, n_iterations + 1):
        if gradient <= least_gradient:
            break
        u, beta = _unit(op(v) - alpha * u)
        v, alpha = _unit(op.H(u) - beta * v)
        rho_damped = hypot(rho_bar, damping)
        shed += (damping / rho_damped * phi_bar) ** 2
        phi_bar *= rho_bar / rho_damped
        rho = hypot(rho_damped, beta)
        c, s = rho_damped / rho, beta / rho
        theta, rho_bar = s * alpha, -c * alpha
        phi, phi_bar = c * phi_bar, s * phi_bar
        gradient = abs(phi_bar * rho_bar)
        x, change = x + (phi / rho) * w, abs(phi / rho) * norm(w)
        w = v - (theta / rho) * w
        total = phi_bar**2 + shed
        length = norm(x) if first is None else norm(x - first)
        residual = max(total - (damping * length) ** 2, 0.0) ** 0.5
        status = IterationStatus(
            iteration, relative(residual, y_norm), relative(change, norm(x)), objective=0.5 * total, image=x
        )
        if rule.ends(status, start):
            break
    return x


def _unit(a: Array) -> tuple[Array, float]:
    """The array over its length, and the length; zero stays zero."""
    length = squared_norm(a) ** 0.5
    return (a / length if length != 0 else a), length
