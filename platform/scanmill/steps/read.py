"""`read`: from the files of a row to its values, one per role."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from pydantic import Field

from scanmill.cohort.pair_roles import own_role
from scanmill.data import Entries, KSpace, Labels, Projections, Volume
from scanmill.errors import InputError
from scanmill.io.card import Card
from scanmill.io.trajectory_units import Unit
from scanmill.steps.contract import Context, InputFile, Output, Params, Prediction, Row, Step
from scanmill.steps.memory import refuse_impossible

if TYPE_CHECKING:
    from scanmill.algorithms.features import Embedding
    from scanmill.data.transforms import Transform

Value: TypeAlias = "Volume | Labels | Projections | KSpace | Transform | Entries | Embedding"
READ_BYTES_PER_SECOND = 200e6
READERS = (
    "card", "cfl", "ctpd", "ctpd-store", "dicom", "displacement", "embedding", "entries", "fastmri", "fastmri-image",
    "ismrmrd", "itk", "nifti", "npz",
)  # fmt: skip


class ReadParams(Params):
    """Which roles are read."""

    roles: tuple[str, ...] = Field(default=(), description="only these roles; empty reads every role of the row")
    labels: tuple[str, ...] = Field(
        default=("truth", "labels", "mask"),
        description="roles that are segmentations in formats that do not say so",
    )
    missing_slices: Literal["refuse", "interpolate"] = Field(
        default="refuse", description="DICOM: a slice missing within a series fails the row, or is interpolated"
    )
    measurement: str = Field(default="", max_length=200, description="of an ISMRMRD file; else the row's own")
    encoding: int | None = Field(default=None, ge=0, description="of an ISMRMRD file; else the row's own")
    trajectory_unit: Unit | None = Field(
        default=None, description="of an ISMRMRD file, where it cannot be told from the size of the points"
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
    values |= _values(extra, params.model_copy(update={"roles": ()}), warnings)
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
        card, own = _card_of(role, row)
        warnings += [text] if (text := card.warning(own)) else []
        return card.read(own, {file.relative_path: file.path for file in files})
    if readers[0] == "dicom":
        return _dicom(role, files, params, warnings)
    if readers[0] in ("ctpd", "ctpd-store"):
        return _ctpd(readers[0], files, warnings)
    if readers[0] == "cfl":
        return _cfl(files, warnings)
    if len(files) != 1:
        raise InputError("one file is wanted", where=role, expected=1, got=len(files))
    if readers[0] == "ismrmrd":
        return _ismrmrd(files[0], row, params, warnings)
    return _one_file(readers[0], files[0], as_labels=own_role(role)[1] in params.labels)


def _card_of(role: str, row: Row) -> tuple[Card, str]:
    """The card of a role's row and the role's name there: in a pair, its side's."""
    side, own = own_role(role)
    text = row.columns.get(f"{side}.card") if side else None
    return (_card(str(text)), own) if text else (_card(str(row.columns.get("card") or "")), role)


@lru_cache(maxsize=64)
def _card(text: str) -> Card:
    if not text:
        raise InputError("the row has files for a data card and no card", do="build the cohort with --card")
    return Card.from_json(text)


def _dicom(role: str, files: Iterable[InputFile], params: ReadParams, warnings: list[str]) -> Volume:
    from scanmill.io.dicom_series import open_series

    series = open_series([file.path for file in files])
    volume = series.volume(missing=params.missing_slices)
    if series.missing:
        planes = ", ".join(str(plane + 1) for plane in series.missing)
        warnings.append(f"{role}: slices missing and interpolated: {planes} of {series.geometry.shape[0]}")
    return volume


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


def _cfl(files: list[InputFile], warnings: list[str]) -> KSpace:
    from scanmill.io.cfl_kspace import NO_GEOMETRY, open_cfl

    by_ending = {PurePosixPath(file.relative_path).suffix.lower(): file.path for file in files}
    if set(by_ending) != {".cfl", ".hdr"} or len(files) != 2:
        raise InputError("a pair of files is wanted", expected=".cfl and .hdr", got=sorted(by_ending))
    warnings.append(NO_GEOMETRY)
    return open_cfl(by_ending[".cfl"], by_ending[".hdr"]).kspace()


def _ismrmrd(file: InputFile, row: Row, params: ReadParams, warnings: list[str]) -> KSpace:
    from scanmill.io.ismrmrd import open_ismrmrd

    own = row.columns.get("encoding")
    scan = open_ismrmrd(
        file.path,
        measurement=params.measurement or str(row.columns.get("measurement") or ""),
        encoding=params.encoding if params.encoding is not None or own is None else int(own),
    )
    warnings += scan.warnings
    return scan.kspace(trajectory_unit=params.trajectory_unit)


def _fastmri(reader: str, file: InputFile) -> Value:
    from scanmill.io.fastmri import open_fastmri

    scan = open_fastmri(file.path)
    return scan.kspace() if reader == "fastmri" else scan.reconstruction()


def _one_file(reader: str, file: InputFile, *, as_labels: bool) -> Value:
    if reader == "nifti":
        from scanmill.io.nifti import read_labels, read_nifti

        return read_labels(file.path) if as_labels else read_nifti(file.path)
    if reader == "embedding":
        from scanmill.algorithms.features.named import read_embedding

        return read_embedding(file.path)
    if reader in ("npz", "entries"):
        from scanmill.io.npz import read_npz

        return read_npz(file.path)
    if reader in ("fastmri", "fastmri-image"):
        return _fastmri(reader, file)
    if reader in ("itk", "displacement"):
        return _transform(reader, file)
    raise InputError("unknown reader", where=file.role, expected=", ".join(READERS), got=reader)


def _transform(reader: str, file: InputFile) -> Transform:
    from scanmill.io.displacement_nifti import read_displacement_field
    from scanmill.io.itk_transform import read_itk_transform

    return read_itk_transform(file.path) if reader == "itk" else read_displacement_field(file.path)


def _predict(columns: Mapping[str, Any], params: ReadParams, device: str) -> Prediction:
    return Prediction(0.02 + float(columns.get("bytes") or 0) / READ_BYTES_PER_SECOND)


STEP = Step("read", "Read the files of a row", run, ReadParams, predict=_predict, phase="read")
