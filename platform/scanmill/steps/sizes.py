"""Sizes of a row's arrays by its columns, for predictions; zero where a column is missing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

SCAN = ("n_views", "n_rows", "n_columns")
IMAGE = ("size_z", "size_y", "size_x")


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
