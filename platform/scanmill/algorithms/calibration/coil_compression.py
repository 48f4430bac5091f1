"""Fewer, virtual coils that see nearly the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scanmill.algorithms.calibration.calibration_region import calibration_of
from scanmill.algorithms.calibration.prewhitening import mix_coils
from scanmill.algorithms.preparation.finite import require_finite
from scanmill.arrays import Array, xp_of
from scanmill.data import KSpace
from scanmill.errors import InputError, SpecError


def compression_matrix(calibration: Array, *, n_virtual: int | None = None, energy: float = 0.999) -> Array:
    """The matrix (virtual, coil) of the first left singular vectors of samples (coil, ...), complex128.

    ``n_virtual`` coils, or the fewest that keep the share ``energy`` of Σ |y|². M. Buehrer, K. P. Pruessmann, P.
    Boesiger, S. Kozerke, Magn. Reson. Med. 57 (2007) 1131, without its weighting; F. Huang et al., Magn. Reson.
    Imaging 26 (2008) 133. Rows are orthonormal, so white noise stays white. Raises SpecError for more coils than
    there are, InputError for NaN or no signal.

    >>> compression_matrix(np.array([[0.0, 0.0], [2.0, 2.0]]), n_virtual=1).real.round(6).tolist()
    [[0.0, 1.0]]
    """
    n_coils = len(calibration)
    _check(n_virtual, energy, n_coils)
    require_finite(calibration, "the calibration region")
    flat = calibration.reshape(n_coils, -1).astype(np.complex128)
    xp = xp_of(flat)
    squares, U = xp.linalg.eigh(flat @ flat.conj().T)
    kept = xp.cumsum(squares[::-1])
    if not float(kept[-1]) > 0:
        raise InputError("the calibration region holds no signal", got=tuple(calibration.shape))
    n = n_virtual or min(int((kept < energy * kept[-1]).sum()) + 1, n_coils)
    U = U[:, ::-1][:, :n]
    return _with_a_phase(U).conj().T


def compress_coils(kspace: KSpace, *, n_virtual: int | None = None, energy: float = 0.999) -> KSpace:
    """The scan by fewer virtual coils, found from its middle (Cartesian), from all samples along a trajectory.

    Knobs and errors as in `compression_matrix`.
    """
    block = calibration_of(kspace) if kspace.is_cartesian else kspace.array
    A = compression_matrix(xp_of(block).moveaxis(block, 2, 0), n_virtual=n_virtual, energy=energy)
    return replace(
        kspace,
        array=mix_coils(kspace.array, A, axis=2),
        calibration=None if kspace.calibration is None else mix_coils(kspace.calibration, A, axis=2),
        noise=None if kspace.noise is None else mix_coils(kspace.noise, A, axis=1),
    )


def _with_a_phase(U: Array) -> Array:
    """Columns whose greatest entry is real and positive: no library decides their phase."""
    xp = xp_of(U)
    greatest = xp.take_along_axis(U, xp.abs(U).argmax(axis=0)[None], axis=0)
    return U * (greatest.conj() / xp.abs(greatest))


def _check(n_virtual: int | None, energy: float, n_coils: int) -> None:
    if n_virtual is not None and not 1 <= n_virtual <= n_coils:
        raise SpecError("virtual coils are fewer than coils", expected=f"1 to {n_coils}", got=n_virtual)
    if not 0 < energy <= 1:
        raise SpecError("energy is a share, above 0 up to 1", got=energy)
