"""Sizes of a row's arrays by its columns, for predictions; zero where a column is missing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

SCAN = ("n_views", "n_rows", "n_columns")
IMAGE = ("size_z", "size_y", "size_x")
MATRIX = ("matrix_z", "matrix_y", "matrix_x")
SHOTS = ("n_shots", "n_samples")
KSPACE = ("n_frames", "n_slices", "n_coils")


def scan_pixels(columns: Mapping[str, Any]) -> int:
    """The number of detector readings.

    >>> scan_pixels({"n_views": 10, "n_rows": 2, "n_columns": 5})
    100
    """
    return math.prod(int(columns.get(name) or 0) for name in SCAN)


def image_voxels(columns: Mapping[str, Any]) -> int:
    """The number of voxels: of the row's image, else of the one that its scan gives by default.

    >>> image_voxels({"n_views": 10, "n_rows": 2, "n_columns": 5})
    50
    """
    voxels = math.prod(int(columns.get(name) or 0) for name in IMAGE)
    return voxels or int(columns.get("n_rows") or 0) * int(columns.get("n_columns") or 0) ** 2


def coil_samples(columns: Mapping[str, Any]) -> int:
    """The number of points that a transform of all frames, slices and coils of k-space goes through.

    >>> coil_samples({"n_frames": 2, "n_slices": 3, "n_coils": 4, "matrix_z": 1, "matrix_y": 8, "matrix_x": 8})
    1536
    """
    images = math.prod(int(columns.get(name) or 0) for name in KSPACE)
    points = (math.prod(int(columns.get(name) or 0) for name in names) for names in (MATRIX, SHOTS))
    return images * max(points)
