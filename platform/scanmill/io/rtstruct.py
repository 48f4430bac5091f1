"""RT Structure Sets (PS3.3 A.19): each region of interest as a mask on the grid of the image it was drawn on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scanmill.arrays import HostArray
from scanmill.data import Labels
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry
from scanmill.io.dicom_file import content_faults, read_whole
from scanmill.io.polygon import inside_polygon

if TYPE_CHECKING:
    from pydicom import Dataset

RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"
CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
TILTED = 0.5
"""How many voxels a contour may leave its plane; more is a contour of another orientation."""


def read_structures(path: Path, grid: VolumeGeometry, where: str = "structure set") -> Iterator[Labels]:
    """Each region of interest with a closed contour, as label 1 with its name, or its number where it has none.

    A contour fills the pixels whose centres it holds, in the plane that is nearest; contours of one plane are combined
    by exclusive or, so that an inner one cuts a hole. Points and open lines are passed over. Raises InputError for
    another kind of file, contours that are tilted against the image or leave it, and a set without closed contours.
    """
    dataset = read_whole(path, where)
    if str(dataset.get("SOPClassUID")) != RTSTRUCT:
        raise InputError("this is no RT Structure Set", where=where)
    with content_faults(where, "the contours are not readable"):
        names = {int(roi.ROINumber): str(roi.get("ROIName") or "") for roi in dataset.StructureSetROISequence}
        drawn = list(dataset.get("ROIContourSequence") or ())
    found = False
    for roi in drawn:
        with content_faults(where, "the contours are not readable"):
            number, contours = int(roi.ReferencedROINumber), _contours(roi)
        mask = _filled(contours, grid, f"{where}, region {number}")
        if mask.any():
            found = True
            yield Labels(mask.astype(np.uint8), grid, {1: names.get(number) or str(number)})
    if not found:
        raise InputError("no closed contour holds a voxel", where=where, got=f"{len(drawn)} regions")


def _contours(roi: Dataset) -> list[HostArray]:
    """The points (n, 3) of the closed contours, LPS mm."""
    return [
        np.array([float(v) for v in contour.ContourData]).reshape(-1, 3)
        for contour in roi.get("ContourSequence") or ()
        if str(contour.ContourGeometricType) in CLOSED
    ]


def _filled(contours: list[HostArray], grid: VolumeGeometry, where: str) -> HostArray:
    mask = np.zeros(grid.shape, dtype=bool)
    for points in contours:
        indices = grid.to_indices(points)
        if not np.isfinite(indices).all():
            raise InputError("a contour's points must be finite", where=where)
        plane = round(float(indices[:, 2].mean()))
        if float(abs(indices[:, 2] - plane).max()) > TILTED:
            raise InputError("a contour is tilted against the image's planes", where=where)
        _refuse_outside(indices, plane, grid, where)
        mask[plane] ^= inside_polygon(indices[:, :2], grid.shape[1:])
    return mask


def _refuse_outside(indices: HostArray, plane: int, grid: VolumeGeometry, where: str) -> None:
    n_planes, n_rows, n_columns = grid.shape
    low, high = indices.min(axis=0), indices.max(axis=0)
    inside = 0 <= plane < n_planes and min(low[0], low[1]) >= -1 and high[0] <= n_columns and high[1] <= n_rows
    if not inside:
        raise InputError("the region lies outside the image", where=where, expected=f"within {grid.shape}",
                         got=f"{low.round(1).tolist()} to {high.round(1).tolist()} (x, y, z)")  # fmt: skip
