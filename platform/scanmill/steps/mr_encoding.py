"""From the images of the coils to their samples, and roughly back."""

from __future__ import annotations

from typing import Any

import numpy as np

from scanmill.arrays import Array, device_of, to_device
from scanmill.errors import InputError
from scanmill.steps.mr_blocks import Block


def coil_encoding(block: Block) -> Any:
    """The operator from coil images (batch, coil, z, y, x) to the block's samples: M F, or the NUFFT."""
    from scanmill.operators.fourier import FourierOp
    from scanmill.operators.nufft import NufftOp
    from scanmill.operators.sampling import SamplingOp

    shape = (*block.y.shape[:2], *block.matrix)
    if block.points is not None:
        return NufftOp(block.points, shape, device=device_of(block.y))
    assert block.sampling_mask is not None
    return SamplingOp(block.sampling_mask[:, None], shape) @ FourierOp(shape)


def coil_gram(block: Block) -> Any:
    """Its Aᴴ A: by name a Toeplitz product along a trajectory, since what the clock chooses is not the same again."""
    from scanmill.operators.toeplitz import ToeplitzOp

    if block.points is None:
        return coil_encoding(block).gram
    return ToeplitzOp(block.points, (*block.y.shape[:2], *block.matrix), device=device_of(block.y))


def gridded(block: Block) -> Array:
    """Fᴴ W y for density weights W: coil images (batch, coil, z, y, x) along a trajectory."""
    if block.weights is None:
        raise InputError("gridding needs a density compensation", where="scan", do="choose one: density")
    weights = to_device(block.weights.astype(np.float32), device_of(block.y))
    return coil_encoding(block).H(block.y * weights[:, None])
