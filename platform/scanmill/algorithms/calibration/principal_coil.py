"""The combination of coils that sees most: against it phases are told."""

from __future__ import annotations

import numpy as np

from scanmill.arrays import Array, xp_of


def principal_coil(calibration: Array) -> Array:
    """The first left singular vector (coil) of samples or images (coil, ...): a virtual coil u with data uᴴ y.

    Its own phase is set so that its sum is real, and no library decides it.

    >>> principal_coil(np.array([[3j, 3j], [0, 0]])).round(6).tolist()
    [(1+0j), 0j]
    """
    xp = xp_of(calibration)
    flat = calibration.reshape(len(calibration), -1).astype(np.complex128)
    u = xp.linalg.eigh(flat @ flat.conj().T)[1][:, -1]
    turn = u.sum()
    return u * (turn.conj() / abs(turn)) if abs(turn) > 0 else u


def turn_to(maps: Array, reference: Array) -> None:
    """Turn maps (set, coil, ...) so that their component along ``reference`` (coil) is real and positive, in place."""
    xp = xp_of(maps)
    along = xp.tensordot(reference.conj().astype(maps.dtype), maps, axes=(0, 1))
    size = xp.abs(along)
    maps *= xp.where(size > 0, along.conj() / xp.where(size > 0, size, 1), 1)[:, None]
