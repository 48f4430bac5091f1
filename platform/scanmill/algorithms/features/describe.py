"""From a volume and an embedding to what the volume is found by: the series, its slices, its regions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from scanmill.algorithms.features.box import Box, Region, box_of
from scanmill.algorithms.features.embedding import Embedding
from scanmill.algorithms.features.part import unit
from scanmill.algorithms.features.upright import flipped, flips_of
from scanmill.arrays import HostArray, to_host, xp_of
from scanmill.data import Labels, Volume
from scanmill.data.entries import Entries
from scanmill.errors import InputError

Named = tuple[str, Region]
"""The word of a region, and the region."""


def describe(
    image: Volume, embedding: Embedding, *, every: int = 1, regions: Iterable[Named] = (), slices: bool = True
) -> tuple[Entries, tuple[str, ...]]:
    """The entries of a volume, and what was left out, in words.

    An embedding of planes describes every ``every``-th plane, beginning in the middle of the first step; the series
    is the mean direction of those, a region its largest plane. An embedding of volumes describes the whole and the
    regions, and no slices. Everything is seen upright (``upright.py``); boxes are voxels as they lie in the array.
    With ``slices`` false they are measured for the series alone. Planes that show nothing (air beyond the window) and
    regions that vanish on the embedding's grid are left out.
    Raises InputError for voxels that are not finite, a region that does not fit, and where nothing is left.
    """
    if not bool(xp_of(image.array).isfinite(image.array).all()):
        raise InputError("the values must be finite", expected="no NaN or Inf")
    found = _Found(image)
    if len(embedding.grid.shape) == 2:
        _planes(found, image, embedding, every, keep=slices)
    else:
        found.add("series", "", None, region_vector(image, embedding, None))
    for word, region in regions:
        box = box_of(region, image.geometry.shape)
        try:
            found.add("region", word, box, region_vector(image, embedding, region))
        except InputError as error:
            found.left_out.append(f"region {word} is left out: {error.what}")
    description = json.dumps(embedding.to_dict(), sort_keys=True)
    return found.entries(embedding.digest, description), tuple(found.left_out)


def region_vector(image: Volume, embedding: Embedding, region: Region) -> HostArray:
    """The vector of a region: of its largest plane where the embedding is one of planes."""
    flips, spacing = flips_of(image.geometry), image.geometry.spacing
    if len(embedding.grid.shape) == 3:
        return embedding(*flipped(image.array, region, flips), spacing=spacing)
    plane, within = largest_plane(region, image.geometry.shape)
    return embedding(*flipped(image.array[plane], within, flips[1:]), spacing=spacing[:2])


def largest_plane(region: Region, shape: tuple[int, int, int]) -> tuple[int, Region]:
    """The plane in which a region has most voxels (of a box, the middle one), and the region in it.

    >>> largest_plane(Box((2, 0, 0), (3, 4, 5)), (9, 9, 9))
    (3, Box(start=(0, 0), size=(4, 5)))
    """
    box = box_of(region, shape)
    if region is None or isinstance(region, Box):
        return box.start[0] + box.size[0] // 2, Box(box.start[1:], box.size[1:])
    areas = to_host((region[box.slices] != 0).sum(axis=(1, 2)))
    plane = box.start[0] + int(areas.argmax())
    return plane, region[plane]


def regions_of(labels: Labels) -> Iterator[Named]:
    """Each label of a segmentation as a region, in ascending order, called by its name or number."""
    array = labels.array
    numbers = to_host(xp_of(array).unique(array))
    for number in numbers[numbers > 0].tolist():
        yield labels.names.get(number) or str(number), array == number


class _Found:
    """What has been described so far."""

    def __init__(self, image: Volume) -> None:
        self.whole = Box((0, 0, 0), image.geometry.shape)
        self.rows: list[tuple[str, str, Box, HostArray]] = []
        self.left_out: list[str] = []
        self.refused = ""

    def add(self, kind: str, word: str, box: Box | None, vector: HostArray) -> None:
        self.rows.append((kind, word, box or self.whole, vector))

    def entries(self, digest: str, description: str) -> Entries:
        if not self.rows:
            raise InputError(self.refused or "nothing is left to describe", got=self.whole.size)
        kinds, words, boxes, vectors = zip(*self.rows, strict=True)
        numbers = np.array([(*box.start, *box.size) for box in boxes], dtype=np.int64)
        return Entries(np.stack(vectors), kinds, numbers, words, digest, description)


def _planes(found: _Found, image: Volume, embedding: Embedding, every: int, *, keep: bool) -> None:
    (n, ny, nx), flips = image.geometry.shape, flips_of(image.geometry)[1:]
    vectors = {}
    for plane in range(min(every, n) // 2, n, every):
        try:
            seen, _ = flipped(image.array[plane], None, flips)
            vectors[plane] = embedding(seen, spacing=image.geometry.spacing[:2])
        except InputError as error:
            found.refused = error.what
    if not vectors:
        found.left_out.append(f"its planes are left out: {found.refused}")
        return
    mean = unit(np.stack(list(vectors.values())).astype(np.float64).mean(axis=0))
    found.add("series", "", None, mean.astype(np.float32))
    for plane, vector in vectors.items() if keep and n > 1 else ():
        found.add("slice", "", Box((plane, 0, 0), (1, ny, nx)), vector)


def boxes_of(told: str, shape: Sequence[int]) -> list[tuple[str, Box]]:
    """The boxes of a text, ``x,y,z,w,h,d``, several divided by ``;``, each as ``word=x,y,z,w,h,d`` where it has one.

    Voxels, the first is 0. Raises InputError for another text, and for a box that leaves an image of ``shape``.

    >>> boxes_of("lesion=4,5,6,3,2,1", (9, 9, 9))
    [('lesion', Box(start=(6, 5, 4), size=(1, 2, 3)))]
    """
    boxes = []
    for part in filter(None, (part.strip() for part in told.split(";"))):
        word, _, numbers = part.rpartition("=")
        boxes.append((word.strip(), _box(numbers, shape)))
    return boxes


def _box(numbers: str, shape: Sequence[int]) -> Box:
    """The box of ``x,y,z,w,h,d``; messages speak in that order."""
    try:
        x, y, z, w, h, d = (int(number) for number in numbers.split(","))
    except ValueError as error:
        raise InputError("this is no box", expected="x,y,z,w,h,d in whole voxels", got=numbers) from error
    if min(w, h, d) < 1:
        raise InputError("this is no box", expected="x,y,z,w,h,d with a size w,h,d of 1 or more", got=numbers)
    nz, ny, nx = shape
    if min(x, y, z) < 0 or x + w > nx or y + h > ny or z + d > nz:
        expected = f"x,y,z,w,h,d within {nx},{ny},{nz} voxels"
        raise InputError("the region lies outside the image", expected=expected, got=numbers)
    return Box((z, y, x), (d, h, w))
