"""Virtual coils: of white noise, and fewer."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from scanmill.arrays import to_host, xp_of
from scanmill.data import KSpace
from scanmill.errors import InputError

Whiten = Literal["auto", "always", "never"]
Compression = Literal["svd", "geometric"]


def whitened(scan: KSpace, whiten: Whiten) -> KSpace:
    """By coils of white noise, at the intensity of the scan as it was measured.

    The map W of `whitening_matrix` is scaled to |det W| = 1: in units of the noise, which differs from visit to visit
    (loading, coils switched off), images of one patient could not be compared.
    """
    from scanmill.algorithms.calibration.prewhitening import noise_covariance, prewhiten

    if scan.is_whitened or whiten == "never" or (whiten == "auto" and scan.noise is None):
        return scan
    white = prewhiten(scan)
    _, log_determinant = np.linalg.slogdet(to_host(noise_covariance(scan.noise)))
    return _scaled(white, float(np.exp(log_determinant / (2 * scan.n_coils))))


def compressed(scan: KSpace, n_virtual: int | None, compression: Compression) -> KSpace:
    """By so many virtual coils; as it is where there are no more coils than that."""
    if n_virtual is None or n_virtual >= scan.n_coils:
        return scan
    if compression == "svd":
        from scanmill.algorithms.calibration.coil_compression import compress_coils

        return compress_coils(scan, n_virtual=n_virtual)
    from scanmill.algorithms.calibration.calibration_region import calibration_of
    from scanmill.algorithms.calibration.geometric_compression import compress_readout, geometric_compression

    if not scan.is_cartesian:
        raise InputError("geometric compression is for samples on a grid", where="scan", got="a trajectory",
                         do="compression: svd")  # fmt: skip
    block = calibration_of(scan)
    planes = xp_of(block).moveaxis(block, 2, 0).reshape(scan.n_coils, -1, *block.shape[-2:])
    fewer = compress_readout(scan, geometric_compression(planes, scan.matrix[2], n_virtual=n_virtual))
    kept = scan.noise[:, :n_virtual] if scan.is_whitened and scan.noise is not None else None
    return replace(fewer, noise=kept)  # white noise of as many coils is as white and as strong in any of them


def _scaled(scan: KSpace, factor: float) -> KSpace:
    known = {name: getattr(scan, name) for name in ("array", "noise", "calibration")}
    return replace(scan, **{name: one * np.float32(factor) for name, one in known.items() if one is not None})
