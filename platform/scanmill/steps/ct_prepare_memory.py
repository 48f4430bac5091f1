"""What `ct.prepare` holds besides the scan that comes in, and on which device it works."""

from __future__ import annotations

import numpy as np

from scanmill.arrays import to_device
from scanmill.steps import ct_corrections
from scanmill.steps.ct_prepare_params import PrepareParams
from scanmill.steps.memory import memory_of, require_memory

RINGS = {"offset": 5.0, "sorted": 6.0}
"""Arrays of the scan's size that taking rings off holds."""
CHUNKS, CHUNKS_OF_SCATTER = 8, 15
"""Chunks of views that are held while one is corrected."""


def held_bytes(n_pixels: int, params: PrepareParams) -> int:
    """The peak in bytes for ``n_pixels`` readings, the result included.

    >>> held_bytes(2**30, PrepareParams()) / 2**30
    4.5
    """
    arrays = 1.0
    if params.rings:
        arrays += RINGS[params.ring_method]
    if params.truncation:
        arrays = max(arrays, 2 + 4 * params.truncation)
    chunks = CHUNKS_OF_SCATTER if params.scatter else CHUNKS
    return int(4 * arrays * n_pixels) + chunks * min(ct_corrections.CHUNK_BYTES, 4 * n_pixels)


def home_for(n_pixels: int, params: PrepareParams, device: str) -> str:
    """The device, or the host where the device has too little for the scan. InputError, ResourceError with the number
    where the host has too little too."""
    needed = held_bytes(n_pixels, params)
    if device != "cpu":
        free = memory_of(to_device(np.zeros(1, np.float32), device))[1]
        if needed + 4 * n_pixels <= free:
            return device
    require_memory(needed, np.zeros(1), "the preparation of the scan")
    return "cpu"
