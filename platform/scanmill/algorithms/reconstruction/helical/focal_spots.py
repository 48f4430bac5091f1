"""Which views share a focal spot: the states of a flying one, told apart by where it stands on the gantry."""

from __future__ import annotations

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry

SAME_SPOT_MM = 0.02
"""Spots closer than this are one."""
MOST_SPOTS = 8


def focal_spots(scan: ScanGeometry) -> list[list[HostArray]]:
    """The views of every focal spot, in groups of equal height: ``spots[group][spot]`` are indices of views.

    A spot that flies in the plane fills the gaps between the t samples of its neighbour, so its views are merged with
    theirs; one that flies along z fills the gaps between rows, and makes a group of its own. Raises InputError
    where the spot takes more than eight positions or three heights.
    """
    positions = spot_positions(scan)
    spots: list[HostArray] = []
    left = np.arange(scan.n_views)
    while len(left):
        near = np.abs(positions[left] - positions[left[0]]).max(axis=1) <= SAME_SPOT_MM
        spots.append(left[near])
        left = left[~near]
        if len(spots) > MOST_SPOTS:
            raise InputError("the focal spot wanders", expected=f"at most {MOST_SPOTS} positions", do="iterate")
    groups: list[list[HostArray]] = []
    for spot in spots:
        height = positions[spot[0], 2]
        home = [g for g in groups if abs(positions[g[0][0], 2] - height) <= SAME_SPOT_MM]
        if home:
            home[0].append(spot)
        else:
            groups.append([spot])
    if len(groups) > 2:
        raise InputError("the focal spot has too many heights", expected="one or two", got=len(groups), do="iterate")
    return groups


def spot_positions(scan: ScanGeometry) -> HostArray:
    """The focal spot in the gantry's frame (view, 3): along the columns, away from the axis, and above the detector."""
    across = scan.column_step[:, :2] / np.linalg.norm(scan.column_step[:, :2], axis=1, keepdims=True)
    outward = np.stack([across[:, 1], -across[:, 0]], axis=-1)
    source = scan.source[:, :2]
    above = scan.source[:, 2] - scan.detector[:, 2]
    return np.stack([(source * across).sum(axis=1), (source * outward).sum(axis=1), above], axis=-1)
