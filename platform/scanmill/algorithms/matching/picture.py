"""The picture that says why two images are alike."""

from __future__ import annotations

import numpy as np

from scanmill.algorithms.matching.local_match import LocalMatch
from scanmill.arrays import HostArray

GAP = 8
"""Pixels between both images."""
COLOURS = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (213, 94, 0), (204, 121, 167))
"""Okabe and Ito's, told apart by everyone; one line after another."""


def why_alike(first: HostArray, second: HostArray, found: LocalMatch, *, zoom: int = 3, n_most: int = 40) -> HostArray:
    """(y, x, 3), uint8: both slices side by side, enlarged ``zoom`` times, with a line for each of the inliers.

    Of more than ``n_most`` those whose descriptors are most alike. Each image is grey from its 1st to 99th percentile.
    """
    shown = [_grey(image, zoom) for image in (first, second)]
    height, left = max(image.shape[0] for image in shown), shown[0].shape[1] + GAP
    sheet = np.zeros((height, left + shown[1].shape[1], 3), np.uint8)
    for image, start in zip(shown, (0, left), strict=True):
        sheet[: image.shape[0], start : start + image.shape[1]] = image[..., None]
    a, b = found.inliers
    if found.consensus is not None:
        order = np.argsort(-found.matches.likeness[found.consensus.is_inlier], kind="stable")[:n_most]
        a, b = a[order], b[order]
    for number, (here, there) in enumerate(zip((a + 0.5) * zoom, (b + 0.5) * zoom + (left, 0), strict=True)):
        _draw(sheet, here, there, COLOURS[number % len(COLOURS)])
    return sheet


def _grey(image: HostArray, zoom: int) -> HostArray:
    lower, upper = np.percentile(image, (1, 99))
    grey = np.clip((image - lower) / max(float(upper - lower), 1e-30), 0, 1)
    return np.asarray(np.round(255 * grey).astype(np.uint8).repeat(zoom, axis=0).repeat(zoom, axis=1))


def _draw(sheet: HostArray, here: HostArray, there: HostArray, colour: tuple[int, int, int]) -> None:
    """A line with a dot of 5 x 5 pixels at both ends, in place."""
    n = int(np.ceil(abs(there - here).max())) + 1
    x, y = np.round(np.linspace(here, there, n)).astype(np.int64).T
    ends = np.array([here, there]).round().astype(np.int64)
    dot = np.stack(np.meshgrid(np.arange(-2, 3), np.arange(-2, 3)), axis=-1).reshape(-1, 2)
    dots = (ends[:, None] + dot).reshape(-1, 2)
    rows, columns = np.concatenate([y, dots[:, 1]]), np.concatenate([x, dots[:, 0]])
    sheet[np.clip(rows, 0, sheet.shape[0] - 1), np.clip(columns, 0, sheet.shape[1] - 1)] = colour
