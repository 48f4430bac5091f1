"""The first answers in the order of how well they match the query point by point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scanmill.algorithms.matching import Keypoints, keypoints, reranked
from scanmill.arrays import HostArray
from scanmill.cli.answers import tile_of
from scanmill.cli.query import Query

MARGIN = 0.5
"""How much of a region's size is looked at around it."""
NOTHING = Keypoints(np.zeros((0, 2)), np.zeros((0, 128), np.float32))


def rerank(query: Query, answers: Sequence[Any], runs: str) -> tuple[list[Any], list[Any]]:
    """The answers ranked anew, and those among them whose images are away: these keep their score alone."""
    tiles = [tile_of(answer, runs) for answer in answers]
    points = [NOTHING if tile.plane is None else keypoints(_seen(tile.plane, tile.box)) for tile in tiles]
    likeness = np.array([answer["score"] for answer in answers], dtype=np.float64)
    order = reranked(keypoints(_seen(query.plane, query.box)), points, likeness)
    ranked = [{**answers[place], "rank": rank} for rank, place in enumerate(order, start=1)]
    return ranked, [answer for answer, tile in zip(answers, tiles, strict=True) if tile.plane is None]


def _seen(plane: HostArray, box: tuple[int, int, int, int] | None) -> HostArray:
    """The plane, or what is around the region in it."""
    if box is None:
        return plane
    x, y, w, h = box
    left, top = max(0, round(x - MARGIN * w)), max(0, round(y - MARGIN * h))
    return plane[top : round(y + h + MARGIN * h), left : round(x + w + MARGIN * w)]
