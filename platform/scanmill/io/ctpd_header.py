"""One file of a DICOM-CT-PD scan: the header of one view, and where its pixels lie.

Its tags are private, so most files come without their types: every value is decoded here from its little-endian bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import pydicom

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.io.ctpd_tags import FIELDS, OPTIONAL, PER_VIEW, PHOTON_STATISTICS, SHARED, Tag, Value
from scanmill.io.dicom_file import DEFLATED, content_faults, syntax_of
from scanmill.io.identity import PROTECTED, identifying_attributes, identity_of
from scanmill.storage.faults import storage_faults

if TYPE_CHECKING:
    from pydicom import Dataset

FORMATS = {"FL": ("<f", 0), "FL2": ("<f", 4), "FD": ("<d", 0), "US": ("<H", 0)}
SYNTAXES = {"1.2.840.10008.1.2": 8, "1.2.840.10008.1.2.1": 12}
"""Uncompressed little-endian syntaxes, and how many bytes stand before their pixels' first."""
PIXEL_DATA = b"\xe0\x7f\x10\x00"
SIGN = b"\x31\x70\x01\x10"
"""The bytes of the tag (7031,1001), without which there is no pose."""
HEAD_BYTES, SYNTAX_BYTES = 2**15, 2**11
"""In which the sign, and the transfer syntax, must stand."""

_TAGS: list[Any] = [*dict.fromkeys(tag for tag, _ in FIELDS.values()), PHOTON_STATISTICS, *PROTECTED,
                    "PatientIdentityRemoved", "BurnedInAnnotation"]  # fmt: skip


@dataclass(frozen=True, slots=True)
class ViewHeader:
    """What one file says: values in the order of ``PER_VIEW`` and of ``SHARED``, photons per detector column (or
    None), and the place of its pixels. ``fault`` says why the view cannot be used (it has no values then); it still
    belongs to its scan. Identity stands apart and never in a repr."""

    path: Path = field(repr=False)
    per_view: tuple[float, ...] = ()
    shared: tuple[Value, ...] = ()
    pixels_at: int = 0
    photons: HostArray | None = field(repr=False, default=None)
    fault: str = ""
    identifying: tuple[str, ...] = ()
    protected: Mapping[str, str] = field(repr=False, default_factory=dict)


def looks_like_ctpd(path: Path) -> bool:
    """Whether the head of a file has the tag of a view's angle; OSError as it comes."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    return head[128:132] == b"DICM" and SIGN in head


def ctpd_files(folder: Path) -> list[Path]:
    """The files below a folder that look like views, sorted by path."""
    with storage_faults(folder.name):
        return [path for path in sorted(folder.rglob("*")) if path.is_file() and looks_like_ctpd(path)]


def read_view(path: Path, where: str) -> ViewHeader:
    """The header of one view; the pixels stay on the disk.

    InputError if it is not DICOM. What else is wrong is the header's ``fault``, in DICOM's words: a tag missing or
    not what the manual says, pixels compressed, cut short or of another size.
    """
    with storage_faults(where), path.open("rb") as file, content_faults(where, "not a readable DICOM file"):
        if DEFLATED in file.read(SYNTAX_BYTES):
            raise InputError("projections must be uncompressed", where=where, got="Deflated Explicit VR Little Endian")
        file.seek(0)
        dataset = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=_TAGS)
        return _header(dataset, file, path)


def _header(dataset: Dataset, file: BinaryIO, path: Path) -> ViewHeader:
    identity: Any = {"identifying": identifying_attributes(dataset), "protected": identity_of(dataset)}
    try:
        values = {name: _value(dataset, name) for name in FIELDS}
        pixels_at = _pixels_at(dataset, values, file)
        photons = _photons(dataset, values)
    except InputError as error:
        return ViewHeader(path, fault=str(error), **identity)
    per_view = tuple(float(values[name]) for name in PER_VIEW)  # type: ignore[arg-type]
    return ViewHeader(path, per_view, tuple(values[name] for name in SHARED), pixels_at, photons, **identity)


def _pixels_at(dataset: Dataset, values: Mapping[str, Value], file: BinaryIO) -> int:
    """Where the pixels begin: the file stands before their tag."""
    where = f"InstanceNumber {values['InstanceNumber']}"
    syntax = str(dataset.file_meta.get("TransferSyntaxUID"))
    if syntax not in SYNTAXES:
        raise InputError("projections must be uncompressed", where=where, got=syntax_of(dataset))
    expected = 2 * int(values["Rows"] or 0) * int(values["Columns"] or 0)
    head = file.read(SYNTAXES[syntax])
    start = file.tell()
    left = file.seek(0, 2) - start
    if left < expected:
        raise InputError("the file is truncated", where=where, expected=f"{expected} bytes of pixels", got=left)
    length = struct.unpack("<I", head[-4:])[0] if head.startswith(PIXEL_DATA) else 0
    if length != expected:
        raise InputError(
            "the pixels contradict Rows and Columns", where=where, expected=f"{expected} bytes", got=length
        )
    return start


def _photons(dataset: Dataset, values: Mapping[str, Value]) -> HostArray | None:
    """Incident photons per detector column, checked."""
    data = _bytes(dataset, PHOTON_STATISTICS)
    if data is None:
        return None
    where, n_columns = f"InstanceNumber {values['InstanceNumber']}", int(values["NumberofDetectorColumns"] or 0)
    if len(data) != 4 * n_columns:
        raise InputError("PhotonStatistics needs one number per detector column", where=where, expected=n_columns,
                         got=len(data) / 4)  # fmt: skip
    photons = np.frombuffer(data, "<f4")
    if not np.isfinite(photons).all() or (photons < 0).any():
        raise InputError("PhotonStatistics must be finite and not negative", where=where)
    return photons


def _value(dataset: Dataset, name: str) -> Value:
    (group, element), kind = FIELDS[name]
    data = _bytes(dataset, (group, element))
    if not data or (kind not in FORMATS and not data.strip(b"\0 ")):
        if name in OPTIONAL:
            return None
        raise InputError(f"{name} ({group:04X},{element:04X}) is missing")
    try:
        return _decoded(data, kind)
    except (struct.error, ValueError) as error:
        raise InputError(f"{name} ({group:04X},{element:04X}) is wrong", expected=kind) from error


def _decoded(data: bytes, kind: str) -> Value:
    if kind in FORMATS:
        value: float | int = struct.unpack_from(FORMATS[kind][0], data, FORMATS[kind][1])[0]
    else:
        text = data.decode("ascii", "replace").strip("\0 ")
        if kind in ("CS", "LO"):
            return text
        value = int(text) if kind == "IS" else float(text)
    if not abs(value) < float("inf"):
        raise ValueError(kind)
    return value


def _bytes(dataset: Dataset, tag: Tag) -> bytes | None:
    """The value as the file has it: it was not converted yet."""
    if tag not in dataset:
        return None
    value = dataset.get_item(tag).value
    return value if isinstance(value, bytes) else None
