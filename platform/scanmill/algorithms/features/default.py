"""The embeddings that are taken where nothing is said, chosen by what they found: docs/retrieval.md."""

from __future__ import annotations

from collections.abc import Mapping

from scanmill.algorithms.features.canonical import CanonicalGrid
from scanmill.algorithms.features.embedding import Embedding
from scanmill.algorithms.features.part import Part
from scanmill.errors import SpecError

DEFAULTS: Mapping[str, Embedding] = {
    # Where things lie, and how bright they are: 918 numbers.
    "slice": Embedding(CanonicalGrid((96, 96)), (Part("hog", power=0.5), Part("statistics"))),
    # The same in space: 658 numbers.
    "volume": Embedding(CanonicalGrid((32, 32, 32)), (Part("hog_3d", {"block": 1}, power=0.5), Part("statistics"))),
    # What is in a lesion, however it lies: 25 numbers.
    "slice region": Embedding(CanonicalGrid((32, 32)), (Part("texture"),)),
    "volume region": Embedding(CanonicalGrid((32, 32, 32)), (Part("texture"),)),
}
"""By what is embedded. ``slice`` and ``volume region`` won on one half of patients, and were measured on the other;
``volume`` and ``slice region`` are the same parts in the other number of axes."""


def default_embedding(of: str) -> Embedding:
    """The default for "slice", "volume", "slice region" or "volume region"; SpecError for anything else.

    Each image is windowed by its own percentiles, so that scales without a unit (MR) compare; of CT take the same
    parts with a window in HU where absolute values must count.

    >>> default_embedding("slice").dimension
    918
    """
    if of not in DEFAULTS:
        raise SpecError("there is no default embedding of that", expected=", ".join(DEFAULTS), got=of)
    return DEFAULTS[of]
