"""A DICOM series as one volume: CT, MR and whatever else has slices in patient space."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from scanmill.arrays import HostArray
from scanmill.data import Volume
from scanmill.errors import InputError
from scanmill.io.array_info import MAX_BYTES
from scanmill.io.dicom_file import content_faults, read_frames, read_header
from scanmill.io.dicom_frame import GEOMETRY_KEYWORDS, Frame, frames_of
from scanmill.io.dicom_scan import SeriesFacts, scan_series
from scanmill.io.dicom_stack import stack
from scanmill.io.voxel_limit import check_voxels

__all__ = ["SeriesFacts", "read_series", "scan_series"]


def read_series(paths: Sequence[Path], *, max_bytes: int = MAX_BYTES) -> Volume:
    """The volume of one series as float32, rescaled (CT: HU), whatever the order of its files.

    Classic single-slice files and Enhanced multi-frame files, all transfer syntaxes that pydicom and pylibjpeg
    decode. Padding stays as it is stored. An InputError names the file by its place in ``paths`` (``file 3 of 69``;
    file names may hold a patient's) and what is wrong: not DICOM, truncated, undecodable (with the transfer syntax),
    several series, or one of the irregularities of :func:`scanmill.io.dicom_stack.stack`.
    """
    if not paths:
        raise InputError("a series needs files", got=0)
    names = place_names(len(paths))
    frames, series = [], set()
    for number, path in enumerate(paths):
        header = read_header(path, names[number], (*GEOMETRY_KEYWORDS, "SeriesInstanceUID"))
        frames += frames_of(header, number, names[number])
        with content_faults(names[number], "SeriesInstanceUID is not readable"):
            series.add(str(header.get("SeriesInstanceUID")))
    if len(series) > 1:
        raise InputError("the files belong to several series", expected=1, got=len(series))
    geometry, ordered = stack(frames)
    check_voxels(geometry.shape, where=f"{len(paths)} files", max_bytes=max_bytes)
    units = {frame.unit for frame in ordered}
    if len(units) > 1:
        raise InputError("slices of different units", got=sorted(units))
    return Volume(_read_voxels(paths, names, ordered, geometry.shape), geometry, units.pop())


def place_names(count: int) -> list[str]:
    """How messages call the files."""
    return [f"file {number} of {count}" for number in range(1, count + 1)]


def _read_voxels(
    paths: Sequence[Path], names: Sequence[str], ordered: Sequence[Frame], shape: tuple[int, int, int]
) -> HostArray:
    array = np.empty(shape, dtype=np.float32)
    by_file: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for plane, frame in enumerate(ordered):
        by_file[frame.file].append((frame.index, plane))
    for file, places in by_file.items():
        places.sort()
        stored = read_frames(paths[file], names[file], [index for index, _ in places])
        for (_, plane), pixels in zip(places, stored, strict=True):
            _fill(array[plane], pixels, ordered[plane], names[file])
    return array


def _fill(plane: HostArray, pixels: HostArray, frame: Frame, where: str) -> None:
    if pixels.shape != frame.shape:
        raise InputError("the pixels do not fit their header", where=where, expected=frame.shape, got=pixels.shape)
    plane[...] = pixels * np.float64(frame.slope) + frame.intercept
