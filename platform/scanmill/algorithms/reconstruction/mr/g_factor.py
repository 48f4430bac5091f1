"""How much noise the coils add where they must undo regular undersampling: the g-factor of SENSE."""

from __future__ import annotations

import numpy as np

from scanmill.arrays import Array, HostArray, to_host, xp_of
from scanmill.errors import InputError

NEGLIGIBLE = 1e-12
"""Eigenvalues below this part of the greatest make the noise infinite."""


def sense_g_factor(coil_sensitivities: Array, sampling_mask: Array) -> Array:
    """√([(Sᴴ S)⁻¹]_rr [Sᴴ S]_rr) of every voxel r, S the sensitivities of the voxels that fold onto one another.

    Pruessmann et al., Magn. Reson. Med. 42 (1999) 952, eq. 23, for white coil noise: whiten the sensitivities before.
    ``coil_sensitivities`` (batch, set, coil, z, y, x), ``sampling_mask`` bool (z, y, x), any regular lattice without
    its calibration lines, CAIPIRINHA's too (Breuer et al., ibid. 55 (2006) 549): which voxels fold is read off its
    point spread function. Gives (batch, set, z, y, x), 0 where the coils see nothing, infinite where they cannot tell
    the voxels apart. Raises InputError for irregular sampling: `pseudo_replica` takes any.

    >>> maps = np.array([[1, 0], [0, 1]]).reshape(1, 1, 2, 1, 1, 2)
    >>> sense_g_factor(maps, np.array([[[False, True]]])).ravel().tolist()
    [1.0, 1.0]
    """
    xp, maps = xp_of(coil_sensitivities), coil_sensitivities
    shifts = folding_shifts(sampling_mask)
    if maps.ndim != 6 or maps.shape[3:] != sampling_mask.shape:
        raise InputError("mask and coil sensitivities do not fit", expected=maps.shape[3:], got=sampling_mask.shape)
    n_items, n_sets, n_coils, *image = maps.shape
    g = xp.empty((n_items, n_sets, *image))
    for item, sets in enumerate(maps.astype(np.complex128)):
        folded = xp.concatenate([xp.roll(sets, shift, axis=(-3, -2, -1)) for shift in shifts])
        columns = xp.moveaxis(folded.reshape(len(folded), n_coils, -1), -1, 0)
        g[item] = _amplification(columns.conj() @ columns.swapaxes(1, 2), n_sets).T.reshape(n_sets, *image)
    return g


def _amplification(gram: Array, n_first: int) -> Array:
    """√([G⁻¹]_rr G_rr) of matrices (voxel, n, n), for the first ``n_first`` r; those that are not seen are left out."""
    xp = xp_of(gram)
    energy = xp.einsum("vrr->vr", gram).real
    unseen = energy <= NEGLIGIBLE * energy.max()
    n = gram.shape[-1]
    gram = gram + xp.eye(n) * xp.where(unseen, energy.max(), 0)[:, None, :]
    values, vectors = xp.linalg.eigh(gram)
    singular = values <= NEGLIGIBLE * values[:, -1:]
    inverse = xp.where(singular, np.inf, 1 / xp.where(singular, 1, values))
    shares = xp.square(abs(vectors[:, :n_first]))
    variance = xp.where(shares > NEGLIGIBLE, shares * xp.where(singular, 0, inverse)[:, None], 0).sum(axis=-1)
    infinite = ((shares > NEGLIGIBLE) & singular[:, None]).any(axis=-1)
    g = xp.sqrt(xp.where(unseen[:, :n_first], 0, variance * energy[:, :n_first]))
    return xp.where(infinite & ~unseen[:, :n_first], np.inf, g)


def folding_shifts(sampling_mask: Array) -> list[tuple[int, int, int]]:
    """By how many voxels (z, y, x) the images are shifted that a lattice folds onto one another, (0, 0, 0) first.

    >>> folding_shifts(np.array([[[True, False, False, True, False, False]]]))
    [(0, 0, 0), (0, 0, 2), (0, 0, 4)]
    """
    mask: HostArray = to_host(sampling_mask).astype(bool)
    n_sampled = int(mask.sum())
    if mask.ndim != 3 or n_sampled == 0:
        raise InputError("the g-factor needs a mask with samples", expected="(z, y, x)", got=mask.shape)
    spread = abs(np.fft.ifftn(mask)) * mask.size / n_sampled
    peaks = spread > 0.5
    if peaks.sum() * n_sampled != mask.size or spread[~peaks].max(initial=0) > 1e-6 or spread[peaks].min() < 1 - 1e-6:
        raise InputError(
            "the sampling is not a regular lattice that fits k-space",
            got=f"{n_sampled} of {mask.size} samples",
            do="take the calibration lines out, or use pseudo-replicas",
        )
    return [(int(z), int(y), int(x)) for z, y, x in np.argwhere(peaks)]
