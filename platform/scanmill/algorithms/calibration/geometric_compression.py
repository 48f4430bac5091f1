"""Fewer virtual coils, others at every place along the readout: geometric coil compression."""

from __future__ import annotations

from dataclasses import replace

from scanmill.algorithms.calibration.coil_compression import compression_matrix
from scanmill.algorithms.preparation.finite import require_finite
from scanmill.arrays import Array, xp_of
from scanmill.data import KSpace
from scanmill.errors import InputError, SpecError
from scanmill.operators.fourier import FourierOp


def geometric_compression(calibration: Array, n_readout: int, *, n_virtual: int, window: int = 5) -> Array:
    """A matrix (x, virtual, coil) for each of ``n_readout`` places along x, complex128.

    ``calibration`` (coil, z, y, x) is the middle of k-space; its x, on the same field of view, may be shorter. Along x
    it is transformed to image space; each place has the singular vectors of its ``window`` neighbours, and is then
    turned so that its virtual coils go on smoothly from the last place: T. Zhang, J. M. Pauly, S. S. Vasanawala, M.
    Lustig, Magn. Reson. Med. 69 (2013) 571, eqs. 5 to 10. Raises SpecError for more coils than there are or an even
    window, InputError for NaN or no signal.
    """
    if window < 1 or window % 2 == 0:
        raise SpecError("a window has a middle", expected="an odd number of places", got=window)
    if calibration.ndim != 4 or calibration.shape[-1] > n_readout:
        raise InputError("a calibration region of another shape", expected=f"(coil, z, y, x), x up to {n_readout}",
                         got=tuple(calibration.shape))  # fmt: skip
    require_finite(calibration, "the calibration region")
    padded = _padded(calibration, n_readout)
    hybrid = FourierOp(padded.shape, axes=(-1,)).H(padded).reshape(len(calibration), -1, n_readout)
    xp, half = xp_of(hybrid), window // 2
    matrices = xp.stack([
        compression_matrix(hybrid[..., max(x - half, 0) : x + half + 1], n_virtual=n_virtual) for x in range(n_readout)
    ])  # fmt: skip
    return _aligned(matrices)


def compress_readout(kspace: KSpace, matrices: Array) -> KSpace:
    """The scan by the virtual coils of `geometric_compression`; Cartesian, x fully sampled and of that length.

    Its noise scan is dropped: white noise stays white, other noise has no one covariance any more.
    """
    if not kspace.is_cartesian or kspace.array.shape[-1] != len(matrices):
        raise InputError("the matrices are for another readout", expected=f"Cartesian, {len(matrices)} along x",
                         got=tuple(kspace.array.shape))  # fmt: skip
    return replace(kspace, array=compressed(kspace.array, matrices), calibration=None, noise=None)


def compressed(array: Array, matrices: Array) -> Array:
    """Samples (frame, slice, coil, z, y, x) by the virtual coils of every place along x, as samples again."""
    xp = xp_of(array)
    hybrid = FourierOp(array.shape, axes=(-1,)).H(array)
    mixed = xp.einsum("xvc,fsczyx->fsvzyx", xp.asarray(matrices, dtype=array.dtype), hybrid, optimize=True)
    return FourierOp(mixed.shape, axes=(-1,))(mixed)


def _aligned(matrices: Array) -> Array:
    """Each place turned by the unitary P that brings it nearest to the last: P = V Uᴴ of A_x A_{x−1}ᴴ = U Σ Vᴴ."""
    xp = xp_of(matrices)
    out = matrices.copy()
    for x in range(1, len(out)):
        U, _, Vh = xp.linalg.svd(out[x] @ out[x - 1].conj().T)
        out[x] = (U @ Vh).conj().T @ out[x]
    return out


def _padded(calibration: Array, n_readout: int) -> Array:
    """Zeros around the middle of k-space along x, zero frequency at n // 2 on either length."""
    n = calibration.shape[-1]
    before = n_readout // 2 - n // 2
    return xp_of(calibration).pad(calibration, [(0, 0)] * 3 + [(before, n_readout - n - before)])
