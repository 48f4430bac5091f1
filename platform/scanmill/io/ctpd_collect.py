"""From the headers of all files to the table of one scan, in the order of acquisition."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.io.ctpd_checks import check_detector, check_trajectory
from scanmill.io.ctpd_header import ViewHeader
from scanmill.io.ctpd_table import ViewTable
from scanmill.io.ctpd_tags import PER_VIEW, SHARED, Value


def collect(headers: Sequence[ViewHeader]) -> tuple[ViewTable, list[int]]:
    """The table of a scan and, for each of its views, the place of its file among ``headers``.

    InputError: no files, several scans, an instance twice or missing, tags that contradict one another or the pixels.
    """
    if not headers:
        raise InputError("a scan needs files", got=0)
    series = {header.protected.get("SeriesInstanceUID", "") for header in headers}
    if len(series) > 1:
        raise InputError("the files belong to several series", expected=1, got=len(series),
                         do="give the folder of one; `scanmill cohort build` tells them apart")  # fmt: skip
    if faults := [header.fault for header in headers if header.fault]:
        more = f"and {len(faults) - 1} more views are unusable" if faults[1:] else None
        raise InputError(faults[0], do=more)
    stored = np.array([header.per_view for header in headers])
    order = np.argsort(stored[:, 0], kind="stable")
    columns = {name: stored[order, place] for place, name in enumerate(PER_VIEW)}
    columns["InstanceNumber"] = columns["InstanceNumber"].astype(np.int64)
    _check_numbers(columns["InstanceNumber"])
    scan = _shared(headers)
    warnings = check_detector(scan)
    photons, dark = _photons([headers[i].photons for i in order])
    warnings += [*dark, *check_trajectory(ViewTable(columns, scan, photons))]
    return ViewTable(columns, scan, photons, tuple(warnings)), order.tolist()


def _check_numbers(numbers: HostArray) -> None:
    if (twice := numbers[1:][np.diff(numbers) == 0]).size:
        raise InputError("an InstanceNumber stands twice: mixed scans or copies", got=_listed(twice))
    missing = np.setdiff1d(np.arange(numbers[0], numbers[-1] + 1), numbers, assume_unique=True)
    if missing.size:
        raise InputError(
            "views are missing, by InstanceNumber",
            expected=f"{numbers[0]} to {numbers[-1]}",
            got=f"{len(numbers)} files",
            do=f"get {_listed(missing)} again",
        )


def _listed(numbers: HostArray, most: int = 10) -> str:
    more = f" and {len(numbers) - most} more" if len(numbers) > most else ""
    return ", ".join(map(str, numbers[:most].tolist())) + more


def _shared(headers: Sequence[ViewHeader]) -> dict[str, Value]:
    """What all views must agree on."""
    different = list(dict.fromkeys(header.shared for header in headers))
    for name, *values in zip(SHARED, *different, strict=True):
        if len(set(values)) > 1:
            got = ", ".join(sorted(map(str, set(values)))[:3])
            raise InputError(f"{name} differs between views: mixed scans", expected="one value", got=got)
    return dict(zip(SHARED, different[0], strict=True))


def _photons(found: list[HostArray | None]) -> tuple[HostArray | None, list[str]]:
    """Of all views, if every one has them and none is zero."""
    there = [photons for photons in found if photons is not None]
    if not there:
        return None, []
    if len(there) < len(found):
        raise InputError("PhotonStatistics is missing in some views", expected=len(found), got=len(there))
    photons = np.array(there, dtype=np.float32)
    if dark := int((photons == 0).any(axis=1).sum()):
        return None, [f"PhotonStatistics is zero in {dark} of {len(photons)} views; it is left out"]
    return photons, []
