"""Homodyne detection: an image from a little more than half of k-space."""

from __future__ import annotations

import numpy as np

from scanmill.algorithms.reconstruction.mr.partial_fourier import (
    AXES,
    AcquiredBand,
    acquired_bands,
    low_resolution_phase,
    mask_of,
    separable,
)
from scanmill.arrays import Array, HostArray
from scanmill.errors import InputError
from scanmill.operators.fourier import FourierOp


def homodyne(kspace: Array, sampling_mask: Array | None = None) -> Array:
    """Re(F⁻¹(W k) exp(-i φ)) exp(i φ): what lies on one side of k-space counts twice, the middle fades from 0 to 2.

    Noll, Nishimura & Macovski, IEEE Trans. Med. Imaging 10 (1991) 154, with the ramp of their fig. 5; φ is the phase
    of the middle that was acquired with both signs. Exact where φ is the true phase of the image. Complex k-space
    (..., z, y, x), zero frequency at n // 2, gives a complex image of its shape; coils stand in front as they are.

    The acquired band is that of the outermost samples of ``sampling_mask`` (broadcasts to (z, y, x); None: what is not
    zero), whose holes were filled before. Raises InputError where two axes are partial: `pocs` takes those.
    """
    bands = acquired_bands(mask_of(kspace, sampling_mask), kspace.shape[-3:])
    partial = [band for band in bands if band.is_partial]
    if len(partial) > 1:
        raise InputError("homodyne detection fills one partial axis", got=f"{len(partial)} partial axes", do="use POCS")
    phase = low_resolution_phase(kspace, bands)
    weights = separable([_weights(band) for band in bands], kspace)
    image = FourierOp(kspace.shape, AXES, dtype=kspace.dtype).H(kspace * weights)
    return phase * (image * phase.conj()).real if partial else image


def _weights(band: AcquiredBand) -> HostArray:
    """W(k), so that W(k) + W(-k) = 2; the Nyquist frequency of an even n is its own mirror."""
    if not band.is_partial:
        return np.ones(band.n)
    towards = 1 if band.last > -band.first else -1
    ramp = np.clip(1 + towards * band.frequencies() / (band.half_width + 1), 0, 2)
    if band.n % 2 == 0:
        ramp[0] = 1
    return np.where(band.is_acquired(), ramp, 0)
