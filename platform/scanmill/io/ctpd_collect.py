"""From the headers of all files to the table of one scan, in the order of acquisition."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.io.ctpd_checks import check_detector, check_trajectory
from scanmill.io.ctpd_header import OPTIONAL, PER_SCAN, PER_VIEW, Value, ViewHeader
from scanmill.io.ctpd_table import ViewTable


def collect(headers: Sequence[ViewHeader]) -> tuple[ViewTable, list[int]]:
    """The table of a scan and, for each of its views, the place of its file among ``headers``.

    InputError: no files, several scans, an instance twice or missing, tags that contradict one another or the pixels.
    """
    if not headers:
        raise InputError("a scan needs files", got=0)
    series = {header.protected.get("SeriesInstanceUID", "") for header in headers}
    if len(series) > 1:
        raise InputError("the files belong to several series", expected=1, got=len(series))
    if faults := [header.fault for header in headers if header.fault]:
        more = f"and {len(faults) - 1} more views are unusable" if faults[1:] else None
        raise InputError(faults[0], do=more)
    numbers = np.array([header.values["InstanceNumber"] for header in headers])
    order = np.argsort(numbers, kind="stable")
    _check_numbers(numbers[order])
    columns = {
        name: np.array([headers[i].values[name] for i in order], np.int64 if name == "InstanceNumber" else np.float64)
        for name in PER_VIEW
    }
    scan = {name: _shared(name, headers) for name in (*PER_SCAN, *OPTIONAL)}
    check_detector(scan)
    photons, warnings = _photons([headers[i].photons for i in order], int(scan["NumberofDetectorColumns"]))  # type: ignore[arg-type]
    table = ViewTable(columns, scan, photons)
    warnings += check_trajectory(table)
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


def _shared(name: str, headers: Sequence[ViewHeader]) -> Value:
    values = {header.values[name] for header in headers}
    if len(values) > 1:
        raise InputError(f"{name} differs between views: mixed scans", expected="one value", got=_values(values))
    return values.pop()


def _values(values: set[Value]) -> str:
    return ", ".join(sorted(map(str, values))[:3])


def _photons(found: list[HostArray | None], n_columns: int) -> tuple[HostArray | None, list[str]]:
    lengths = {None if p is None else len(p) for p in found}
    if lengths == {None}:
        return None, []
    if lengths != {n_columns}:
        raise InputError(
            "PhotonStatistics needs one number per detector column in every view", expected=n_columns, got=lengths
        )
    photons = np.array(found, dtype=np.float32)
    if not np.isfinite(photons).all() or (photons < 0).any():
        raise InputError("PhotonStatistics must be finite and not negative")
    if dark := int((photons == 0).any(axis=1).sum()):
        return None, [f"PhotonStatistics is zero in {dark} of {len(photons)} views; it is left out"]
    return photons, []
