"""One intensity scale for all rows of a job, recorded in every image: visits must stay comparable."""

from __future__ import annotations

from scanmill.data import Frames, Volume

PREFIX = "MR x"


def scaled_unit(scale: float) -> str:
    """The unit of an image that was multiplied by ``scale``; NIfTI, DICOM and npz keep it.

    >>> scaled_unit(1000.0)
    'MR x1000'
    """
    return f"{PREFIX}{scale:.6g}"


def scale_of(image: Volume | Frames) -> float | None:
    """The scale that an image was multiplied by, where it is one of `mr.reconstruct`."""
    return float(image.unit.removeprefix(PREFIX)) if image.unit.startswith(PREFIX) else None
