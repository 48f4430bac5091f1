"""What an image is found by: vectors of the series, of its slices and of its regions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError

KINDS = ("series", "slice", "region")


@dataclass(frozen=True, eq=False)
class Entries:
    """Vectors (n, d), float32, each with its kind (of ``KINDS``) and its place in the image.

    ``boxes`` (n, 6), int64, are the first voxel and the size in array order, (z, y, x, nz, ny, nx); ``labels`` are
    the words of regions, "" elsewhere. ``embedding`` is the digest of what made the vectors, ``description`` its JSON.
    Two entries of one image differ in kind, label or box, so that each has a :meth:`region` of its own.

    >>> whole = np.array([[0, 0, 0, 1, 4, 4]])
    >>> Entries(np.ones((1, 2), np.float32), ("series",), whole, ("",), "5e1f").regions
    ('series',)
    """

    vectors: HostArray
    kinds: tuple[str, ...]
    boxes: HostArray
    labels: tuple[str, ...]
    embedding: str
    description: str = ""

    def __post_init__(self) -> None:
        n = len(self.kinds)
        if self.vectors.ndim != 2 or len(self.vectors) != n or self.vectors.dtype != np.float32 or not n:
            raise InputError("entries need a float32 vector each", expected=n, got=self.vectors.shape)
        if self.boxes.shape != (n, 6) or len(self.labels) != n or not set(self.kinds) <= set(KINDS):
            raise InputError("entries need a kind, a box and a label each", expected=n, got=self.boxes.shape)
        if not np.isfinite(self.vectors).all():
            raise InputError("vectors must be finite")
        if (self.boxes[:, :3] < 0).any() or (self.boxes[:, 3:] < 1).any():
            raise InputError("a box of no size or before the first voxel", got=self.boxes.tolist()[:3])
        if len(set(self.regions)) < n:
            raise InputError("two entries have the same place", got=n, do="give regions names of their own")

    @property
    def regions(self) -> tuple[str, ...]:
        """What each entry is of, in words: ``series``, ``slice 12``, ``region lesion 3,4,5,8,8,2`` (x, y, z first)."""
        return tuple(map(region_words, self.kinds, self.labels, self.boxes.tolist()))

    @property
    def dimension(self) -> int:
        """The length of the vectors."""
        return int(self.vectors.shape[1])


def region_words(kind: str, label: str, box: list[int]) -> str:
    """How an entry is called.

    >>> region_words("slice", "", [7, 0, 0, 1, 512, 512]), region_words("region", "lesion", [2, 4, 6, 1, 3, 5])
    ('slice 7', 'region lesion 6,4,2,5,3,1')
    """
    if kind == "region":
        z, y, x, nz, ny, nx = box
        return f"region {label} ".replace("  ", " ") + f"{x},{y},{z},{nx},{ny},{nz}"
    return f"slice {box[0]}" if kind == "slice" else kind
