"""A DICOM series as one volume: CT, MR and whatever else has slices in patient space."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np

from scanmill.arrays import HostArray
from scanmill.data import Labels, Volume
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry
from scanmill.io.array_info import MAX_BYTES
from scanmill.io.dicom_file import content_faults, read_frames, read_header
from scanmill.io.dicom_frame import GEOMETRY_KEYWORDS, Frame, frames_of
from scanmill.io.dicom_scan import SeriesFacts, scan_series
from scanmill.io.dicom_stack import Stacked, stack_with_gaps
from scanmill.io.voxel_limit import check_voxels

__all__ = ["Series", "SeriesFacts", "open_series", "read_series", "scan_series"]

Missing = Literal["refuse", "interpolate"]
MOST_MISSING = 0.1
"""Of all slices; a series with more gaps is not filled up."""


@dataclass(frozen=True)
class Series:
    """One series whose headers have been read: its grid, and which of its planes no file holds (``missing``)."""

    paths: Sequence[Path]
    stacked: Stacked
    unit: str

    @property
    def geometry(self) -> VolumeGeometry:
        """The grid, with a plane for every missing slice."""
        return self.stacked.grid

    @property
    def missing(self) -> tuple[int, ...]:
        """The planes without a slice, counted from the first."""
        return self.stacked.missing

    def measured(self) -> Labels:
        """1 where a slice was measured, 0 in the planes that are missing: a mask for what must not count them."""
        mask = np.ones(self.geometry.shape, np.uint8)
        mask[list(self.missing)] = 0
        return Labels(mask, self.geometry, {1: "measured"})

    def volume(self, *, missing: Missing = "refuse") -> Volume:
        """The voxels; a missing slice is refused, or interpolated between its neighbours (with at most
        `MOST_MISSING` of all slices missing)."""
        if self.stacked.fault is not None and missing == "refuse":
            raise self.stacked.fault
        n_planes = self.geometry.shape[0]
        if len(self.missing) > MOST_MISSING * n_planes:
            raise InputError(
                "too many slices are missing to interpolate them",
                expected=f"at most {MOST_MISSING:.0%}",
                got=f"{len(self.missing)} of {n_planes}",
            )
        array = _read_voxels(self.paths, place_names(len(self.paths)), self.stacked)
        _fill_gaps(array, self.stacked.planes)
        return Volume(array, self.geometry, self.unit)


def read_series(paths: Sequence[Path], *, missing: Missing = "refuse", max_bytes: int = MAX_BYTES) -> Volume:
    """The volume of one series as float32, rescaled (CT: HU), whatever the order of its files.

    Classic single-slice files and Enhanced multi-frame files, all transfer syntaxes that pydicom and pylibjpeg
    decode. Padding stays as it is stored. Missing slices are refused, or with ``missing="interpolate"`` filled linearly
    between their neighbours, so that every slice stays in its true place. An InputError names the file by its place in
    ``paths`` (``file 3 of 69``; file names may hold a patient's) and what is wrong: not DICOM, truncated, undecodable
    (with the transfer syntax), several series, or one of the irregularities of
    :func:`scanmill.io.dicom_stack.stack`.
    """
    return open_series(paths, max_bytes=max_bytes).volume(missing=missing)


def open_series(paths: Sequence[Path], *, max_bytes: int = MAX_BYTES) -> Series:
    """The headers of one series; raises what `read_series` does, except for missing slices."""
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
    stacked = stack_with_gaps(frames)
    check_voxels(stacked.grid.shape, where=f"{len(paths)} files", max_bytes=max_bytes)
    units = {frame.unit for frame in stacked.frames}
    if len(units) > 1:
        raise InputError("slices of different units", got=sorted(units))
    return Series(paths, stacked, units.pop())


def place_names(count: int) -> list[str]:
    """How messages call the files."""
    return [f"file {number} of {count}" for number in range(1, count + 1)]


def _read_voxels(paths: Sequence[Path], names: Sequence[str], stacked: Stacked) -> HostArray:
    array = np.empty(stacked.grid.shape, dtype=np.float32)
    by_file: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for number, frame in enumerate(stacked.frames):
        by_file[frame.file].append((frame.index, number))
    for file, places in by_file.items():
        places.sort()
        stored = read_frames(paths[file], names[file], [index for index, _ in places])
        for (_, number), pixels in zip(places, stored, strict=True):
            _fill(array[stacked.planes[number]], pixels, stacked.frames[number], names[file])
    return array


def _fill_gaps(array: HostArray, planes: Sequence[int]) -> None:
    """Every plane between two measured ones that are no neighbours, linearly between them."""
    for before, after in pairwise(planes):
        for plane in range(before + 1, after):
            share = (plane - before) / (after - before)
            array[plane] = (1 - share) * array[before] + share * array[after]


def _fill(plane: HostArray, pixels: HostArray, frame: Frame, where: str) -> None:
    if pixels.shape != frame.shape:
        raise InputError("the pixels do not fit their header", where=where, expected=frame.shape, got=pixels.shape)
    plane[...] = pixels * np.float64(frame.slope) + frame.intercept
