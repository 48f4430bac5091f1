"""A DICOM-CT-PD scan: its table, and its projections view by view, from the files or from the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from scanmill.arrays import HostArray
from scanmill.data import Projections
from scanmill.errors import InputError, ResourceError
from scanmill.geometry import ScanGeometry
from scanmill.io.array_info import MAX_BYTES
from scanmill.io.ctpd_collect import collect
from scanmill.io.ctpd_header import ViewHeader, read_view
from scanmill.io.ctpd_rules import DOUBTFUL, Rules, oriented, rules_of, scan_geometry
from scanmill.io.ctpd_table import ViewTable
from scanmill.storage.faults import storage_faults

MANY = 4_000
"""From so many files on, headers are read in processes: parsing holds the interpreter's lock."""

Progress = Callable[[int, int], None]


class RawViews(Protocol):
    """Where the stored values of the views lie."""

    def read(self, views: Sequence[int]) -> HostArray:
        """The stored values of the views, uint16 (view, row, column) in the order of the file."""


@dataclass(frozen=True, eq=False)
class CtpdScan:
    """One scan, opened: headers read and checked, pixels not yet.

    ``protected`` holds the identity of the files (PatientID, UIDs), for the protected table only.
    """

    table: ViewTable
    raw: RawViews
    protected: Mapping[str, str] = field(repr=False, default_factory=dict)

    @cached_property
    def rules(self) -> Rules:
        """The rules of its vendor and patient position; InputError where there are none."""
        return rules_of(self.table)

    @cached_property
    def geometry(self) -> ScanGeometry:
        """The poses of all views."""
        return scan_geometry(self.table, self.rules)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is doubtful about the scan."""
        position = DOUBTFUL.get(str(self.table.scan["PatientPosition"]))
        return (*self.table.warnings, position) if position else self.table.warnings

    def projections(self, views: slice = slice(None)) -> Projections:
        """Line integrals (view, row, column) float32 of a range of views; nothing else is read.

        With the photons per column (view, 1, column) and the attenuation of water in 1/mm, where the files have them.
        """
        chosen = range(self.table.n_views)[views]
        n_bytes = 4 * len(chosen) * self.table.n_rows * self.table.n_columns
        if n_bytes > MAX_BYTES:
            raise InputError("the scan is too large", expected=f"at most {MAX_BYTES} bytes", got=n_bytes)
        array = np.empty((len(chosen), self.table.n_rows, self.table.n_columns), np.float32)
        self._fill(oriented(array, self.rules), chosen)
        photons = self.table.photons
        return Projections(
            array,
            self.geometry.views(views),
            "line_integral",
            photons=None if photons is None else oriented(photons[views][:, None], self.rules),
            water_attenuation=self.table.water_attenuation,
        )

    def _fill(self, in_file_order: HostArray, chosen: range) -> None:
        """Rescale: values are 16 bits, for which float32 is enough."""
        names = ("RescaleSlope", "RescaleIntercept")
        slope, intercept = (self.table[name].astype(np.float32)[:, None, None] for name in names)
        block = self.table.views_at_once
        for start in range(0, len(chosen), block):
            views = chosen[start : start + block]
            line_integrals = self.raw.read(views).astype(np.float32)
            line_integrals *= slope[views]
            line_integrals += intercept[views]
            in_file_order[start : start + block] = line_integrals


@dataclass(frozen=True, eq=False)
class ViewFiles:
    """The stored values in the files themselves: ``places`` are (path, offset) by view."""

    places: Sequence[tuple[Path, int]]
    shape: tuple[int, int]
    is_transposed: bool

    def read(self, views: Sequence[int]) -> HostArray:
        """The stored values of the views."""
        n_rows, n_columns = self.shape
        stored = np.empty((len(views), n_columns, n_rows) if self.is_transposed else (len(views), *self.shape), "<u2")
        for place, view in enumerate(views):
            path, offset = self.places[view]
            with storage_faults(f"view {view + 1}"), path.open("rb") as file:
                file.seek(offset)
                if file.readinto(memoryview(stored[place]).cast("B")) != stored[place].nbytes:
                    raise InputError("the file is truncated", where=f"view {view + 1}")
        return stored.swapaxes(1, 2) if self.is_transposed else stored


def open_ctpd(paths: Sequence[Path], *, workers: int | None = 1, progress: Progress | None = None) -> CtpdScan:
    """The scan of which ``paths`` are the views, in any order.

    ``workers`` are processes that read headers, where there are many. The manual's rules are checked first; the
    InputError names a view by its InstanceNumber, or a file by its place (file names may hold a patient's).
    """
    headers = []
    for number, header in enumerate(read_headers(paths, workers), 1):
        headers.append(header)
        if progress:
            progress(number, len(paths))
    return scan_of(headers)


def scan_of(headers: Sequence[ViewHeader]) -> CtpdScan:
    """The scan of headers that were read before."""
    table, order = collect(headers)
    places = [(headers[i].path, headers[i].pixels_at) for i in order]
    files = ViewFiles(places, (table.n_rows, table.n_columns), table.is_transposed)
    scan = CtpdScan(table, files, headers[0].protected)
    _ = scan.geometry  # a scan without rules is refused here
    return scan


def read_headers(
    paths: Sequence[Path],
    workers: int | None = 1,
    *,
    photons: bool = True,
    on_problem: Callable[[Path, InputError], None] | None = None,
) -> Iterator[ViewHeader]:
    """The headers, in the order of the paths; a file that is not DICOM goes to ``on_problem``, else it is raised.

    A header is about 1 KiB and its ``photons``, which may be left out; what many share stands in memory once.
    """
    names = [f"file {number} of {len(paths)}" for number in range(1, len(paths) + 1)]
    shared: dict[Any, Any] = {}
    protected: dict[Any, Any] = {}
    for path, read in zip(paths, _read_all(paths, names, workers), strict=True):
        if isinstance(read, ViewHeader):
            yield replace(
                read,
                path=path,
                shared=shared.setdefault(read.shared, read.shared),
                protected=protected.setdefault(tuple(read.protected.items()), read.protected),
                photons=read.photons if photons else None,
            )
        elif on_problem is None:
            raise read
        else:
            on_problem(path, read)


def _read_all(paths: Sequence[Path], names: list[str], workers: int | None) -> Iterator[ViewHeader | InputError]:
    if workers == 1 or len(paths) < MANY:
        yield from map(_read, paths, names)
        return
    try:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            yield from pool.map(_read, paths, names, chunksize=64)
    except BrokenProcessPool as error:
        raise ResourceError("a process that reads headers died", do="try again with fewer workers") from error


def _read(path: Path, where: str) -> ViewHeader | InputError:
    try:
        return read_view(path, where)
    except InputError as error:
        return error
