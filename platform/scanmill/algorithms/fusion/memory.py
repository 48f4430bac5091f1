"""What a fusion needs at its peak."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scanmill.algorithms.fusion.fuse import IN_BANDS, Method
from scanmill.algorithms.fusion.rules import Rule
from scanmill.operators.shearlet import DIRECTIONS
from scanmill.operators.wavelet import LEVELS

IMAGES: dict[str, tuple[float, float]] = {
    "average": (1, 2),
    "pca": (3, 2),
    "laplacian": (4.5, 2),
    "ratio": (4.5, 2),
    "dwt": (4.5, 3),
    "guided": (17, 5),
    "saliency": (7, 6),
}
"""How many float32 images are held for each image that is fused, and besides: measured."""


def predict_bytes(shape: Sequence[int], n_images: int, method: Method, rule: Rule = "max-abs") -> int:
    """The bytes that :func:`fuse` holds at its peak beside the float32 images themselves.

    >>> predict_bytes((1, 100, 100), 2, "average")
    160000
    """
    return int(4 * math.prod(shape) * _images_held(shape, n_images, method, rule))


def _images_held(shape: Sequence[int], n: int, method: Method, rule: Rule) -> float:
    for_energy = 2 * n if rule == "local-energy" and method in IN_BANDS else 0
    if method == "swt":
        bands = 1 + ((1 << sum(size > 1 for size in shape)) - 1) * LEVELS
        return (bands + 1) * n + bands + 15 + for_energy
    if method == "shearlet":
        bands, n_slices = 1 + sum(DIRECTIONS), math.prod(shape[:-2])
        return n + 1 + ((bands + 1) * n + 2 * bands + for_energy) / n_slices
    per_image, besides = IMAGES[method]
    return per_image * n + besides + for_energy
