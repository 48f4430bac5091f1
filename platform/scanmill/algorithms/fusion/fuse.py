"""Fusion by a method's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args

from scanmill.algorithms.fusion.guided import guided_two_scale
from scanmill.algorithms.fusion.pyramids import laplacian_pyramid, ratio_pyramid
from scanmill.algorithms.fusion.rules import Rule
from scanmill.algorithms.fusion.saliency import saliency_weighted
from scanmill.algorithms.fusion.shearlets import shearlets
from scanmill.algorithms.fusion.wavelets import dwt, swt
from scanmill.algorithms.fusion.weighted import pca, weighted_average
from scanmill.arrays import Array
from scanmill.errors import SpecError

Method = Literal["average", "pca", "laplacian", "ratio", "dwt", "swt", "shearlet", "guided", "saliency"]
IN_BANDS = frozenset(("laplacian", "ratio", "dwt", "swt", "shearlet"))
"""Methods that choose in bands by a ``rule``."""


def fuse(
    images: Sequence[Array], method: Method = "laplacian", *, rule: Rule = "max-abs", base: Rule = "average",
    weights: Sequence[float] | None = None, clip: bool = True,
) -> Array:  # fmt: skip
    """Two or more images (z, y, x) or (y, x) of one grid as one, by ``method``; their type (float32 or float64).

    ``rule`` and ``base`` are for methods in bands, ``weights`` for the average; a method ignores the others. Images of
    several modalities belong into one range of values first (:func:`unit_ranges`). Coefficients of several images in
    one sum overshoot where their edges cross; with ``clip`` the result is held within the images' common range.

    Raises InputError for images of other shapes, NaN or Inf, or of one value.

    >>> import numpy as np
    >>> images = [np.random.default_rng(n).normal(size=(1, 16, 16)) for n in range(2)]
    >>> fuse(images, "pca").shape
    (1, 16, 16)
    """
    if method not in get_args(Method):
        raise SpecError("unknown method of fusion", expected=", ".join(get_args(Method)), got=method)
    wishes: dict[str, Any] = {"rule": rule, "base": base} if method in IN_BANDS else {}
    if method == "average":
        wishes = {"weights": weights}
    fused = _METHODS[method](images, **wishes)
    if not clip:
        return fused
    low, high = min(float(image.min()) for image in images), max(float(image.max()) for image in images)
    return fused.clip(low, high)


_METHODS: Mapping[str, Callable[..., Any]] = {
    "average": weighted_average,
    "pca": pca,
    "laplacian": laplacian_pyramid,
    "ratio": ratio_pyramid,
    "dwt": dwt,
    "swt": swt,
    "shearlet": shearlets,
    "guided": guided_two_scale,
    "saliency": saliency_weighted,
}
