"""Small multi-coil problems in double precision, and what certifies that an image is the minimum of one."""

import numpy as np

from scanmill.operators.sense import sense_op

SHAPE = (1, 24, 20)


def coils(n_coils=3, shape=SHAPE, n_sets=1):
    """Smooth sensitivities (1, set, coil, z, y, x) of unit sum of squares."""
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in shape), indexing="ij")
    angles = np.arange(n_coils) * 2 * np.pi / n_coils
    maps = np.stack(
        [
            np.exp(-((x - np.cos(a)) ** 2) - (y - np.sin(a)) ** 2 - 0.3 * z**2 + 1j * (a + 0.5 * s * x + y * np.cos(a)))
            for s in range(n_sets)
            for a in angles
        ]
    ).reshape(n_sets, n_coils, *shape)
    return (maps / np.sqrt((abs(maps) ** 2).sum(axis=(0, 1))))[None]


def problem(batch=1, *, seed=0, keep=0.5, n_sets=1, dtype=np.complex128, shape=SHAPE, n_coils=3, noise=0.05):
    """An operator, blocky images (batch, set, z, y, x), and their noisy, randomly sampled data."""
    rng = np.random.default_rng(seed)
    op = sense_op(
        coils(n_coils, shape, n_sets).astype(dtype),
        sampling_mask=rng.random((1, *shape)) < keep,
        batch=batch,
        dtype=dtype,
    )
    x = np.zeros(op.in_shape, complex)
    for item in x.reshape(-1, *shape):
        for _ in range(4):
            low = [int(rng.integers(max(n // 2, 1))) for n in shape]
            box = tuple(slice(a, a + max(n // 3, 1)) for a, n in zip(low, shape, strict=True))
            item[box] += np.exp(2j * np.pi * rng.random())
    y = op(x.astype(dtype))
    y = y + noise * (rng.standard_normal(y.shape) + 1j * rng.standard_normal(y.shape)) * (y != 0)
    return op, x, y.astype(dtype)


def slope(op, y, x):
    """Aᴴ (A x - y)."""
    return op.H(op(x) - y)


def assert_certified(gradient, coefficients, weight, value, dual_norm, *, tolerance=1e-4):
    """x is a minimum of ½ ‖A x - y‖² + α φ: -gradient / α lies in the dual ball of φ, and φ(x) = ⟨x, -gradient⟩ / α.

    Both in the coordinates of φ; nothing else is needed of a convex problem (Rockafellar, Convex Analysis, 23.5.1).
    """
    assert dual_norm(gradient) <= weight * (1 + tolerance)
    met = weight * value(coefficients)
    assert abs(np.vdot(coefficients, -gradient).real - met) <= tolerance * met
