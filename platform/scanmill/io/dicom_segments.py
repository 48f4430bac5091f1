"""DICOM Segmentation (PS3.3 A.51) and label maps: each segment as a mask on the grid of its image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scanmill.arrays import HostArray
from scanmill.data import Labels
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry
from scanmill.io.dicom_file import content_faults, read_frames, read_header, whole
from scanmill.io.dicom_frame import GEOMETRY_KEYWORDS, Frame, frames_of

if TYPE_CHECKING:
    from pydicom import Dataset

SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
"""Segmentation Storage and Label Map Segmentation Storage."""
KEYWORDS = (*GEOMETRY_KEYWORDS, "SOPClassUID", "SegmentSequence", "SegmentationType", "MaximumFractionalValue")
OFF_GRID = 0.1
"""How far, in voxels, a segment's pixel may lie from a voxel's centre."""


def read_segments(path: Path, grid: VolumeGeometry, where: str = "segmentation") -> Iterator[Labels]:
    """Each segment that has a pixel, in the order of its number, as label 1 with its name or number.

    Of a fractional segmentation, what is at least half. The frames may be fewer than the image's planes, and turned
    by right angles against them. Raises InputError for another kind of file, for pixels that fall between the voxels
    of ``grid`` or outside it, and for a segmentation in which nothing is marked.
    """
    header = read_header(path, where, KEYWORDS)
    if str(header.get("SOPClassUID")) not in SEGMENTATIONS:
        raise InputError("this is no DICOM segmentation", where=where)
    frames = frames_of(header, 0, where)
    with content_faults(where, "the segments are not readable"):
        names = {int(s.SegmentNumber): str(s.get("SegmentLabel") or "") for s in header.SegmentSequence}
        kind = str(header.get("SegmentationType"))
        owners = [()] * len(frames) if kind == "LABELMAP" else _owners(header, len(frames))
    least = whole(header, "MaximumFractionalValue", where, default=1) / 2 if kind == "FRACTIONAL" else 0.5
    found = False
    for number in sorted(number for number in names if number > 0):  # 0 is the background of a label map
        mine = [i for i, owner in enumerate(owners) if not owner or number in owner]
        voxels = [_marked(pixels == number if kind == "LABELMAP" else pixels >= least, frames[i], grid, where)
                  for i, pixels in zip(mine, read_frames(path, where, mine), strict=True)]  # fmt: skip
        if any(len(voxel) for voxel in voxels):
            found = True
            array = np.zeros(grid.shape, dtype=np.uint8)
            array[tuple(np.concatenate(voxels).T)] = 1
            yield Labels(array, grid, {1: names[number] or str(number)})
    if not found:
        raise InputError("nothing is marked in the segmentation", where=where, got=f"{len(names)} segments")


def _owners(header: Dataset, n_frames: int) -> list[tuple[int, ...]]:
    """The number of the segment of each frame."""
    from pydicom import Dataset

    shared = (header.get("SharedFunctionalGroupsSequence") or [Dataset()])[0]
    groups: Sequence[Dataset] = header.PerFrameFunctionalGroupsSequence
    found = [
        (group if "SegmentIdentificationSequence" in group else shared).SegmentIdentificationSequence[0]
        for group in groups
    ]
    return [(int(one.ReferencedSegmentNumber),) for one in found]


def _marked(mask: HostArray, frame: Frame, grid: VolumeGeometry, where: str) -> HostArray:
    """The voxels (n, 3), (z, y, x), under the marked pixels of a frame."""
    rows, columns = np.nonzero(mask)
    along, down = np.reshape(frame.orientation, (2, 3))
    between_rows, between_columns = frame.spacing
    points = frame.position + columns[:, None] * (between_columns * along) + rows[:, None] * (between_rows * down)
    indices = grid.to_indices(points)
    voxels = np.rint(indices).astype(np.int64)[:, ::-1]
    if len(voxels) and (voxels.min() < 0 or (voxels >= grid.shape).any()):
        raise InputError("the region lies outside the image", where=where, expected=f"within {grid.shape}",
                         got=f"{voxels.min(axis=0).tolist()} to {voxels.max(axis=0).tolist()}")  # fmt: skip
    if len(voxels) and abs(indices - np.rint(indices)).max() > OFF_GRID:
        raise InputError("the segmentation lies on another grid than the image", where=where, expected=grid.shape,
                         got=frame.shape, do="resample it to the image")  # fmt: skip
    return voxels
