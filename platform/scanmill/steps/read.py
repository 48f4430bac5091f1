"""`read`: from the files of a row to its values, one per role."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from pydantic import Field

from scanmill.data import Labels, Projections, Volume
from scanmill.errors import InputError
from scanmill.io.card import Card
from scanmill.steps.contract import Context, InputFile, Output, Params, Prediction, Row, Step
from scanmill.steps.memory import refuse_impossible

Value = Volume | Labels | Projections
READ_BYTES_PER_SECOND = 200e6


class ReadParams(Params):
    """Which roles are read."""

    roles: tuple[str, ...] = Field(default=(), description="only these roles; empty reads every role of the row")
    labels: tuple[str, ...] = Field(
        default=("truth", "labels", "mask"),
        description="roles that are segmentations in formats that do not say so",
    )


def run(inputs: Mapping[str, Any], params: ReadParams, ctx: Context) -> Output:
    """One value per role; in a group, a tuple of them in the order of the rows.

    Files without a reader (pictures, tables of an earlier stage) are carried along, not read."""
    warnings: list[str] = []
    per_row = [_values(row, params, warnings) for row in ctx.rows]
    names = dict.fromkeys(name for values in per_row for name in values)
    values: dict[str, Any] = {}
    for name in names:
        found = tuple(row[name] for row in per_row if name in row)
        values[name] = found[0] if len(ctx.rows) == 1 else found
    missing = set(params.roles) - set(values)
    if missing:
        raise InputError("the row has no such role", expected=", ".join(sorted(missing)), got=", ".join(values))
    extra = Row("", {}, ctx.extra)
    values |= _values(extra, ReadParams(labels=params.labels), warnings)
    return Output(values=values, warnings=tuple(dict.fromkeys(warnings)))


def _values(row: Row, params: ReadParams, warnings: list[str]) -> dict[str, Value]:
    roles: dict[str, list[InputFile]] = {}
    for file in row.files:
        if file.reader and (not params.roles or file.role in params.roles):
            roles.setdefault(file.role, []).append(file)
    return {role: _value(role, files, row, params, warnings) for role, files in roles.items()}


def _value(role: str, files: list[InputFile], row: Row, params: ReadParams, warnings: list[str]) -> Value:
    readers = sorted({file.reader for file in files})
    if len(readers) != 1:
        raise InputError("files of one role have different readers", where=role, expected=1, got=", ".join(readers))
    if readers[0] == "card":
        card = _card(str(row.columns.get("card") or ""))
        return card.read(role, {file.relative_path: file.path for file in files})
    if readers[0] == "dicom":
        return _dicom(files)
    if readers[0] in ("ctpd", "ctpd-store"):
        return _ctpd(readers[0], files, warnings)
    if len(files) != 1:
        raise InputError("one file is wanted", where=role, expected=1, got=len(files))
    return _one_file(readers[0], files[0], as_labels=role in params.labels)


@lru_cache(maxsize=64)
def _card(text: str) -> Card:
    if not text:
        raise InputError("the row has files for a data card and no card", do="build the cohort with --card")
    return Card.from_json(text)


def _dicom(files: Iterable[InputFile]) -> Value:
    from scanmill.io.dicom_series import read_series

    return read_series([file.path for file in files])


def _ctpd(reader: str, files: Iterable[InputFile], warnings: list[str]) -> Projections:
    from scanmill.io.ctpd_scan import open_ctpd
    from scanmill.io.ctpd_store import PROJECTIONS, VIEWS, open_store

    if reader == "ctpd":
        scan = open_ctpd([file.path for file in files])
    else:
        by_name = {PurePosixPath(file.relative_path).name: file.path for file in files}
        scan = open_store(by_name[PROJECTIONS], by_name[VIEWS])
    warnings += scan.warnings
    refuse_impossible(4 * math.prod(scan.geometry.shape), np.zeros(1), "the scan")
    return scan.projections()


def _one_file(reader: str, file: InputFile, *, as_labels: bool) -> Value:
    if reader == "nifti":
        from scanmill.io.nifti import read_labels, read_nifti

        return read_labels(file.path) if as_labels else read_nifti(file.path)
    if reader == "npz":
        from scanmill.io.npz import read_npz

        return read_npz(file.path)
    raise InputError("unknown reader", where=file.role, expected="card, ctpd, dicom, nifti or npz", got=reader)


def _predict(columns: Mapping[str, Any], params: ReadParams, device: str) -> Prediction:
    return Prediction(0.02 + float(columns.get("bytes") or 0) / READ_BYTES_PER_SECOND)


STEP = Step("read", "Read the files of a row", run, ReadParams, predict=_predict, phase="read")
