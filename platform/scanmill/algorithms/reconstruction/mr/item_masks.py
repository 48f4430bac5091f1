"""The sampling masks of a stack of k-spaces."""

from __future__ import annotations

import numpy as np

from scanmill.arrays import Array, HostArray, to_host
from scanmill.errors import InputError


def item_masks(kspace: Array, sampling_mask: Array | None) -> HostArray:
    """The mask of every item of k-space (batch, coil, z, y, x), or one of all of them: bool (batch or 1, z, y, x).

    ``sampling_mask`` broadcasts to (batch, z, y, x); None: measured is what is not zero in every coil. Raises
    InputError where an item has no sample at all.
    """
    n_items, _, *shape = kspace.shape
    mask = to_host((kspace != 0).any(axis=1) if sampling_mask is None else sampling_mask).astype(bool)
    n_masks = mask.shape[0] if mask.ndim == 4 else 1
    if n_masks not in (1, n_items) or any(n not in (1, m) for n, m in zip(mask.shape[::-1], shape[::-1], strict=False)):
        raise InputError("the sampling masks do not fit k-space", expected=(n_items, *shape), got=mask.shape)
    masks = np.broadcast_to(mask, (n_masks, *shape))
    if not masks.any(axis=(1, 2, 3)).all():
        raise InputError("the sampling mask is empty", got="no True point")
    return masks
