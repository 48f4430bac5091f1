"""What a registration gives back."""

from __future__ import annotations

from dataclasses import dataclass

from scanmill.algorithms.registration.quality import Quality
from scanmill.data.transforms import Transform


@dataclass(frozen=True, eq=False)
class Registration:
    """The ``transform`` from fixed points to moving points (LPS mm), the start included, and its ``quality``.

    ``inverse`` maps moving points to fixed ones where the method found it too (symmetric ones, velocities); else
    ``transform.inverse()`` computes it. `resample(moving, fixed.geometry, transform)` shows the result.
    """

    transform: Transform
    quality: Quality
    inverse: Transform | None = None
