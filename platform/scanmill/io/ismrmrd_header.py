"""The XML header of ISMRMRD raw data: what was encoded, what may be shown of the scan, and whom it names.

Elements are those of ismrmrd.xsd 1.x; their namespace does not matter. Identity passes the gate of DICOM headers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

from scanmill.errors import InputError

MAX_BYTES = 16 * 2**20
Element = ET.Element

PUBLIC = {
    "Manufacturer": "acquisitionSystemInformation/systemVendor",
    "ManufacturerModelName": "acquisitionSystemInformation/systemModel",
    "MagneticFieldStrength": "acquisitionSystemInformation/systemFieldStrength_T",
    "BodyPartExamined": "studyInformation/bodyPartExamined",
    "PatientPosition": "measurementInformation/patientPosition",
    "PatientSex": "subjectInformation/patientGender",
    "SeriesNumber": "measurementInformation/initialSeriesNumber",
    "RepetitionTime": "sequenceParameters/TR",
    "EchoTime": "sequenceParameters/TE",
    "InversionTime": "sequenceParameters/TI",
    "FlipAngle": "sequenceParameters/flipAngle_deg",
}
"""Public attributes by DICOM keyword, and where they stand; times are in ms in both."""
PROTECTED = {
    "PatientID": "subjectInformation/patientID",
    "PatientName": "subjectInformation/patientName",
    "PatientBirthDate": "subjectInformation/patientBirthdate",
    "StudyInstanceUID": "studyInformation/studyInstanceUID",
    "StudyDate": "studyInformation/studyDate",
    "StudyTime": "studyInformation/studyTime",
    "StudyID": "studyInformation/studyID",
    "AccessionNumber": "studyInformation/accessionNumber",
    "ReferringPhysicianName": "studyInformation/referringPhysicianName",
    "StudyDescription": "studyInformation/studyDescription",
    "SeriesInstanceUID": "measurementInformation/seriesInstanceUIDRoot",
    "FrameOfReferenceUID": "measurementInformation/frameOfReferenceUID",
    "SeriesDate": "measurementInformation/seriesDate",
    "ProtocolName": "measurementInformation/protocolName",
    "SeriesDescription": "measurementInformation/seriesDescription",
    "InstitutionName": "acquisitionSystemInformation/institutionName",
    "StationName": "acquisitionSystemInformation/stationName",
    "DeviceSerialNumber": "acquisitionSystemInformation/deviceSerialNumber",
}
"""The attributes of a person, a site or a visit."""


@dataclass(frozen=True)
class Space:
    """A matrix and its field of view in mm, both (x, y, z): readout, phase, slice."""

    matrix: tuple[int, int, int]
    fov: tuple[float, float, float]

    @property
    def spacing(self) -> tuple[float, float, float]:
        """The size of a voxel in mm."""
        x, y, z = (f / n for f, n in zip(self.fov, self.matrix, strict=True))
        return x, y, z


@dataclass(frozen=True)
class Encoding:
    """One encoding.

    ``centers`` are the counters at which k is zero, by their names here (``kspace_encoding_step_1``; the headers of
    acquisitions say ``kspace_encode_step_1``), where they are told; ``readout`` are the numbers of the trajectory's
    description (``rampUpTime``).
    """

    encoded: Space
    recon: Space
    trajectory: str
    centers: Mapping[str, int]
    calibration: str
    multiband: int
    readout: Mapping[str, float]

    @property
    def kept(self) -> tuple[int, int, int]:
        """How many of the encoded pixels the field of view to give out has, (x, y, z)."""
        sizes = zip(self.encoded.matrix, self.encoded.spacing, self.recon.fov, strict=True)
        x, y, z = (min(n, max(1, round(fov / step))) for n, step, fov in sizes)
        return x, y, z


@dataclass(frozen=True)
class IsmrmrdHeader:
    """What the header says. ``protected`` never shows in a repr."""

    encodings: tuple[Encoding, ...]
    public: Mapping[str, str]
    noise_bandwidth: float = 1.0
    protected: Mapping[str, str] = field(repr=False, default_factory=dict)


def parse_header(text: bytes | str, where: str) -> IsmrmrdHeader:
    """The header in an XML text; InputError where it is not one, or lacks what places the samples."""
    root = _root(text, where)
    public = {keyword: _text(root, path) for keyword, path in PUBLIC.items()}
    frequency = _text(root, "experimentalConditions/H1resonanceFrequency_Hz")
    if frequency:
        public["ImagingFrequency"] = str(_number(frequency, "H1resonanceFrequency_Hz", where) / 1e6)
    protected = {keyword: _text(root, path) for keyword, path in PROTECTED.items()}
    bandwidth = _text(root, "acquisitionSystemInformation/relativeReceiverNoiseBandwidth")
    return IsmrmrdHeader(
        tuple(_encoding(node, where) for node in _children(root, "encoding")),
        {keyword: value for keyword, value in public.items() if value},
        _number(bandwidth, "relativeReceiverNoiseBandwidth", where, above=0) if bandwidth else 1.0,
        {keyword: value for keyword, value in protected.items() if value},
    )


def _root(text: bytes | str, where: str) -> Element:
    """The root element. Without a document type there are no entities, which could make a small text a huge one."""
    if len(text) > MAX_BYTES:
        raise InputError("the header is too large", where=where, expected=f"at most {MAX_BYTES} bytes", got=len(text))
    try:
        plain = text if isinstance(text, str) else text.decode("utf-8")
        if "<!DOCTYPE" in plain:
            raise InputError("a header with a document type is refused", where=where)
        root = ET.fromstring(plain.strip("\0 \r\n\t"))  # noqa: S314 - no entities without a document type
    except (ET.ParseError, UnicodeDecodeError, ValueError) as error:
        raise InputError("the ISMRMRD header is not XML", where=where) from error
    if _name(root) != "ismrmrdHeader":
        raise InputError("the header is not ISMRMRD's", where=where, expected="ismrmrdHeader", got=_name(root)[:40])
    return root


def _encoding(node: Element, where: str) -> Encoding:
    limits = {_name(limit): _text(limit, "center") for child in _children(node, "encodingLimits") for limit in child}
    factor = _text(node, "parallelImaging/multiband/multiband_factor")
    return Encoding(
        _space(node, "encodedSpace", where),
        _space(node, "reconSpace", where),
        (_text(node, "trajectory") or "cartesian").lower(),
        {name: int(_number(value, f"the center of {name}", where)) for name, value in limits.items() if value},
        _text(node, "parallelImaging/calibrationMode").lower(),
        int(_number(factor, "multiband_factor", where)) if factor else 1,
        dict(_described(node, where)),
    )


def _space(node: Element, name: str, where: str) -> Space:
    def triple(path: str) -> tuple[float, float, float]:
        x, y, z = (_number(_text(node, f"{name}/{path}/{axis}"), f"{name}/{path}/{axis}", where, above=0)
                   for axis in "xyz")  # fmt: skip
        return x, y, z

    x, y, z = triple("matrixSize")
    return Space((int(x), int(y), int(z)), triple("fieldOfView_mm"))


def _described(node: Element, where: str) -> Iterator[tuple[str, float]]:
    """The numbers of ``trajectoryDescription``."""
    for description in _children(node, "trajectoryDescription"):
        for kind in ("userParameterLong", "userParameterDouble"):
            for parameter in _children(description, kind):
                name = _text(parameter, "name")
                yield name, _number(_text(parameter, "value"), name, where)


def _number(text: str, name: str, where: str, *, above: float = -math.inf) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (above < number < math.inf):
        raise InputError(
            f"the ISMRMRD header lacks {name}, or it is no number", where=where, got=text[:40] or "nothing"
        )
    return number


def _text(node: Element, path: str) -> str:
    """The text of the first element on that path, without blanks; empty where there is none."""
    for name in path.split("/"):
        found = next(_children(node, name), None)
        if found is None:
            return ""
        node = found
    return (node.text or "").strip()


def _children(node: Element, name: str) -> Iterator[Element]:
    return (child for child in node if _name(child) == name)


def _name(node: Element) -> str:
    return str(node.tag).rpartition("}")[2]
