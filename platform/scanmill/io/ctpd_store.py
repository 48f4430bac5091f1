"""A DICOM-CT-PD scan converted once: a folder with its pixels in one chunked array and a Parquet row per view.

``projections.h5`` holds ``raw`` (view, row, column), uint16 as the files had it, in chunks of whole views;
``views.parquet`` the pose, rescale, photon statistics and file digest of every view, and what all views share. No
identity goes along: of the patient and the series only pseudonyms, where the site's secret was given.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scanmill.arrays import HostArray
from scanmill.errors import InputError, SpecError
from scanmill.io.array_info import PARSER_FAULTS, unreadable
from scanmill.io.ctpd_checks import check_detector, check_trajectory
from scanmill.io.ctpd_header import ctpd_files
from scanmill.io.ctpd_scan import CtpdScan, Progress, ViewFiles, open_ctpd
from scanmill.io.ctpd_table import ViewTable
from scanmill.io.ctpd_tags import PER_VIEW, SHARED
from scanmill.io.hdf5 import open_dataset
from scanmill.storage.faults import storage_faults

PROJECTIONS, VIEWS = "projections.h5", "views.parquet"
VERSION = 1
KEY = b"scanmill.ctpd"
MAX_TABLE_BYTES = 2**32


@dataclass(frozen=True)
class StoredViews:
    """The stored values in ``projections.h5``; the file is open only while it is read."""

    path: Path
    shape: tuple[int, int, int]

    def read(self, views: Sequence[int]) -> HostArray:
        """The stored values of the views."""
        with open_dataset(self.path, "raw") as raw:
            if raw.shape != self.shape or raw.dtype != np.uint16:
                raise InputError("the array does not fit its table", where=PROJECTIONS, expected=self.shape,
                                 got=raw.shape)  # fmt: skip
            start, stop = min(views), max(views) + 1
            stored: HostArray = raw[start:stop]
        return np.asarray(stored[np.asarray(views) - start])


def convert(
    scan: CtpdScan, out: Path, *, keys: Mapping[str, str] | None = None, progress: Progress | None = None
) -> None:
    """Write the scan to the new folder ``out``: all of it or nothing; the same scan gives the same bytes.

    ``keys`` are pseudonyms to keep with it (``patient``, ``row``). SpecError where ``out`` exists.
    """
    if out.exists():
        raise SpecError("the output exists already", got=out.name, do="give a new folder, or remove it")
    with _whole(out) as draft:
        digests = _write_projections(scan, draft / PROJECTIONS, progress)
        pq.write_table(_parquet(scan.table, digests, dict(keys or {})), draft / VIEWS, compression="zstd")


def is_store(folder: Path) -> bool:
    """Whether a folder has the two files of a store."""
    return (folder / PROJECTIONS).is_file() and (folder / VIEWS).is_file()


def open_store(projections: Path, views: Path) -> CtpdScan:
    """The scan of a store, its pixels read only as they are asked for; equal to that of its files."""
    table, _ = read_views(views)
    shape = (table.n_views, table.n_rows, table.n_columns)
    scan = CtpdScan(table, StoredViews(projections, shape))
    _ = scan.geometry
    return scan


def open_folder(folder: Path, *, workers: int | None = None, progress: Progress | None = None) -> CtpdScan:
    """The one scan in a folder: a store, or the files of all its views."""
    if is_store(folder):
        return open_store(folder / PROJECTIONS, folder / VIEWS)
    paths = ctpd_files(folder)
    if not paths:
        raise InputError("no DICOM-CT-PD files in this folder", do="give the folder of one scan, or a converted one")
    return open_ctpd(paths, workers=workers, progress=progress)


def read_views(path: Path) -> tuple[ViewTable, dict[str, str]]:
    """The table of a store, and its pseudonyms."""
    with storage_faults(VIEWS):
        try:
            groups = pq.read_metadata(path)
            n_bytes = sum(groups.row_group(i).total_byte_size for i in range(groups.num_row_groups))
            if n_bytes > MAX_TABLE_BYTES:
                raise InputError("the table is too large", where=VIEWS, expected=MAX_TABLE_BYTES, got=n_bytes)
            stored = pq.read_table(path, memory_map=False)
            facts = json.loads((stored.schema.metadata or {})[KEY])
            if facts["version"] != VERSION:
                raise InputError("a store of another version", where=VIEWS, expected=VERSION, got=facts["version"])
            columns = {name: stored[name].to_numpy() for name in PER_VIEW}
            scan = {name: facts["scan"][name] for name in SHARED}
            photons = _photons(stored, int(scan["NumberofDetectorColumns"]))
            table = ViewTable(columns, scan, photons, tuple(facts["warnings"]))
            check_detector(scan)
            check_trajectory(table)
            return table, dict(facts["keys"])
        except (*PARSER_FAULTS, pa.ArrowException) as error:
            raise unreadable(path, "Parquet table of a CT-PD store", error) from error


def _photons(stored: pa.Table, n_columns: int) -> HostArray | None:
    if "PhotonStatistics" not in stored.column_names:
        return None
    flat = stored["PhotonStatistics"].combine_chunks().flatten().to_numpy()
    return np.asarray(flat, np.float32).reshape(stored.num_rows, n_columns)


def _parquet(table: ViewTable, digests: list[str], keys: dict[str, str]) -> pa.Table:
    columns: dict[str, Any] = {name: pa.array(table[name]) for name in PER_VIEW}
    if table.photons is not None:
        lists = pa.FixedSizeListArray.from_arrays(pa.array(table.photons.reshape(-1)), table.n_columns)
        columns["PhotonStatistics"] = lists
    columns["sha256"] = pa.array(digests, pa.string())
    facts = {"version": VERSION, "scan": dict(table.scan), "warnings": list(table.warnings), "keys": keys}
    return pa.table(columns).replace_schema_metadata({KEY: json.dumps(facts, sort_keys=True).encode()})


def _write_projections(scan: CtpdScan, path: Path, progress: Progress | None) -> list[str]:
    """The pixels, and the digest of each view's file."""
    import h5py

    table = scan.table
    shape = (table.n_views, table.n_rows, table.n_columns)
    views = table.views_at_once
    digests: list[str] = []
    with storage_faults(PROJECTIONS), h5py.File(path, "w", libver=("v110", "v110")) as file:
        raw = file.create_dataset("raw", shape, "<u2", chunks=(views, *shape[1:]), track_times=False)
        for start in range(0, table.n_views, views):
            chosen = range(start, min(start + views, table.n_views))
            raw[start : chosen.stop] = scan.raw.read(chosen)
            digests += _digests(scan, chosen)
            if progress:
                progress(chosen.stop, table.n_views)
    return digests


def _digests(scan: CtpdScan, views: range) -> list[str]:
    if not isinstance(scan.raw, ViewFiles):
        raise SpecError("only a scan of DICOM files can be converted", got="a store")
    return [hashlib.sha256(scan.raw.places[view][0].read_bytes()).hexdigest() for view in views]


@contextmanager
def _whole(out: Path) -> Iterator[Path]:
    """A folder aside that becomes ``out`` at the end, or nothing."""
    draft = out.with_name(f".{out.name}.{secrets.token_hex(4)}")
    with storage_faults(out.name):
        draft.mkdir(parents=True)
        try:
            yield draft
            for path in draft.iterdir():
                with path.open("rb") as file:
                    os.fsync(file.fileno())
            draft.rename(out)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
