"""What a helix sees: its pitch, and the slices that it sees over half a turn."""

from __future__ import annotations

import numpy as np

from scanmill.algorithms.reconstruction.helical.helix import Helix
from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry


def is_helical(scan: ScanGeometry) -> bool:
    """Whether a cone beam's detector travels along z, by more than half a row.

    >>> is_helical(ScanGeometry.parallel([0.0, 1.0], n_columns=4, column_spacing=1.0))
    False
    """
    return scan.beam == "cone" and float(np.ptp(scan.detector[:, 2])) > scan.row_spacing.mean() / 2


def pitch(helix: Helix) -> float:
    """The feed of a turn over the height of the beam at the axis; its sign is that of the feed."""
    scan, gantry = helix.scan, helix.gantry
    feed = np.ptp(scan.detector[:, 2]) / np.ptp(gantry) * 2 * np.pi
    sign = np.sign((scan.detector[-1, 2] - scan.detector[0, 2]) * (gantry[-1] - gantry[0]))
    height = scan.n_rows * scan.row_spacing * _distance(scan) / _reach(scan)
    return float(sign * feed / height.mean())


def seen_z(helix: Helix, radius: float) -> tuple[float, float]:
    """The range of z in mm in which the cylinder of that ``radius`` (mm) is seen from half a turn of parallel rays.

    A point nearest to the source sees the beam h mm above and below it, where the beam is narrowest: the range begins
    h below where the source stands after the first half turn, and ends likewise. A feed of half a turn above 2 h
    leaves gaps within, which `wfbp_and_unseen` counts. Raises InputError where nothing is left.
    """
    low, high = helix.source_z()
    h = _rise_of_edge(helix.scan) * (float(_distance(helix.scan).min()) - radius)
    if len(low) > helix.n_half:
        after, before = helix.n_half, len(low) - 1 - helix.n_half
        upwards = low[-1] >= low[0]
        first = (high[after] if upwards else high[before]) - h
        last = (low[before] if upwards else low[after]) + h
        if first < last:
            return float(first), float(last)
    got = f"{np.ptp(low):.1f} mm"
    raise InputError("the helix is too short for a slice", got=got, do="give the size (z, y, x), or iterate")


def _distance(scan: ScanGeometry) -> HostArray:
    return np.asarray(np.linalg.norm(scan.source[:, :2], axis=1))


def _reach(scan: ScanGeometry) -> HostArray:
    return np.asarray(np.linalg.norm((scan.detector - scan.source)[:, :2], axis=1))


def _rise_of_edge(scan: ScanGeometry) -> float:
    """The rise of the detector's nearer edge in the middle column, in mm a transaxial mm."""
    off = np.abs(scan.detector[:, 2] - scan.source[:, 2])
    return float(((scan.n_rows / 2 * scan.row_spacing - off) / _reach(scan)).min())
