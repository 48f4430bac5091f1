"""One file of a DICOM-CT-PD scan: the header of one view, and where its pixels lie.

The table is that of the DICOM-CT-PD User Manual, version 3 (2020). Its tags are private, so most files come without
their types: every value is decoded here from its little-endian bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pydicom

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.io.dicom_file import content_faults, syntax_of
from scanmill.io.identity import PROTECTED, identifying_attributes, identity_of
from scanmill.storage.faults import storage_faults

if TYPE_CHECKING:
    from pydicom import Dataset

Value = float | int | str | None
Tag = tuple[int, int]

PER_VIEW: dict[str, tuple[Tag, str]] = {
    "InstanceNumber": ((0x0020, 0x0013), "IS"),
    "RescaleIntercept": ((0x0028, 0x1052), "DS"),
    "RescaleSlope": ((0x0028, 0x1053), "DS"),
    "DetectorFocalCenterAngularPosition": ((0x7031, 0x1001), "FL"),
    "DetectorFocalCenterAxialPosition": ((0x7031, 0x1002), "FL"),
    "SourceAngularPositionShift": ((0x7033, 0x100B), "FL"),
    "SourceAxialPositionShift": ((0x7033, 0x100C), "FL"),
    "SourceRadialDistanceShift": ((0x7033, 0x100D), "FL"),
}
"""What differs from view to view: the name, the tag, and how the bytes are to be read."""
PER_SCAN: dict[str, tuple[Tag, str]] = {
    "Manufacturer": ((0x0008, 0x0070), "LO"),
    "PatientPosition": ((0x0018, 0x5100), "CS"),
    "Rows": ((0x0028, 0x0010), "US"),
    "Columns": ((0x0028, 0x0011), "US"),
    "BitsAllocated": ((0x0028, 0x0100), "US"),
    "DetectorElementTransverseSpacing": ((0x7029, 0x1002), "FL"),
    "DetectorElementAxialSpacing": ((0x7029, 0x1006), "FL"),
    "DetectorShape": ((0x7029, 0x100B), "CS"),
    "NumberofDetectorRows": ((0x7029, 0x1010), "US"),
    "NumberofDetectorColumns": ((0x7029, 0x1011), "US"),
    "DetectorFocalCenterRadialDistance": ((0x7031, 0x1003), "FL"),
    "ConstantRadialDistance": ((0x7031, 0x1031), "FL"),
    "DetectorCentralElementColumn": ((0x7031, 0x1033), "FL"),
    "DetectorCentralElementRow": ((0x7031, 0x1033), "FL2"),
    "FlyingFocalSpotMode": ((0x7033, 0x100E), "CS"),
    "NumberofSourceAngularSteps": ((0x7033, 0x1013), "US"),
    "LogFlag": ((0x7039, 0x1009), "CS"),
}
"""What is the same in all views of a scan."""
OPTIONAL: dict[str, tuple[Tag, str]] = {
    "PixelRepresentation": ((0x0028, 0x0103), "US"),
    "SpiralPitchFactor": ((0x0018, 0x9311), "FD"),
    "TypeofProjectionData": ((0x7037, 0x1009), "CS"),
    "WaterAttenuationCoefficient": ((0x7041, 0x1001), "DS"),
    "SourceIndex": ((0x7033, 0x105D), "US"),
    "SpectrumIndex": ((0x7033, 0x1063), "US"),
}
"""The same in all views too, and not in every file."""
FIELDS = {**PER_VIEW, **PER_SCAN, **OPTIONAL}
PHOTON_STATISTICS = (0x7033, 0x1065)
SERIES_UID = (0x0020, 0x000E)

FORMATS = {"FL": ("<f", 0), "FL2": ("<f", 4), "FD": ("<d", 0), "US": ("<H", 0)}
SYNTAXES = {"1.2.840.10008.1.2": 8, "1.2.840.10008.1.2.1": 12}
"""Uncompressed little-endian syntaxes, and how many bytes stand before their pixels' first."""
SIGN = b"\x31\x70\x01\x10"
"""The bytes of the tag (7031,1001), without which there is no pose."""
HEAD_BYTES = 2**15

_TAGS: list[Any] = [*dict.fromkeys(tag for tag, _ in FIELDS.values()), PHOTON_STATISTICS, *PROTECTED,
                    "PatientIdentityRemoved", "BurnedInAnnotation"]  # fmt: skip


@dataclass(frozen=True)
class ViewHeader:
    """What one file says: ``values`` by the names of ``FIELDS``, photons per detector column (or None), and the
    place of its pixels. ``fault`` says why the view cannot be used; it still belongs to its scan. Identity stands
    apart and never in a repr."""

    path: Path = field(repr=False)
    values: Mapping[str, Value]
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
    not what the manual says, pixels compressed or cut short.
    """
    with storage_faults(where), path.open("rb") as file, content_faults(where, "not a readable DICOM file"):
        dataset = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=_TAGS)
        end = file.tell()
        left = path.stat().st_size - end
    with content_faults(where, "the header is not readable"):
        identity = {"identifying": identifying_attributes(dataset), "protected": identity_of(dataset)}
        try:
            values = {name: _value(dataset, name) for name in FIELDS}
            before = _before_pixels(dataset, values, left)
        except InputError as error:
            return ViewHeader(path, {}, fault=str(error), **identity)  # type: ignore[arg-type]
        photons = _bytes(dataset, PHOTON_STATISTICS)
        return ViewHeader(
            path,
            values,
            end + before,
            None if photons is None else np.frombuffer(photons, "<f4"),
            **identity,  # type: ignore[arg-type]
        )


def _before_pixels(dataset: Dataset, values: Mapping[str, Value], left: int) -> int:
    """How many bytes stand between the data before the pixels and their first."""
    where = f"InstanceNumber {values['InstanceNumber']}"
    syntax = str(dataset.file_meta.get("TransferSyntaxUID"))
    if syntax not in SYNTAXES:
        raise InputError("projections must be uncompressed", where=where, got=syntax_of(dataset))
    there, expected = left - SYNTAXES[syntax], 2 * int(values["Rows"] or 0) * int(values["Columns"] or 0)
    if there < expected:
        raise InputError("the file is truncated", where=where, expected=f"{expected} bytes of pixels", got=there)
    return SYNTAXES[syntax]


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
