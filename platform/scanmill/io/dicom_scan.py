"""What the headers of many DICOM files say: which series there are, their facts and their faults."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry
from scanmill.io.dicom_file import CONTENT_ERRORS, content_faults, read_header, syntax_of
from scanmill.io.dicom_frame import GEOMETRY_KEYWORDS, Frame, frames_of
from scanmill.io.dicom_stack import stack_with_gaps
from scanmill.io.identity import (
    FREE_TEXT,
    PROTECTED,
    identifying_attributes,
    identity_of,
    is_identity_removed,
    pseudonym,
)

if TYPE_CHECKING:
    from pydicom import Dataset

PUBLIC = (
    "Modality", "SOPClassUID", "ImageType", "Manufacturer", "ManufacturerModelName", "SoftwareVersions",
    "BodyPartExamined", "Laterality", "PatientPosition", "PatientSex", "PatientAge", "SeriesNumber",
    "Rows", "Columns", "BitsStored", "PhotometricInterpretation", "LossyImageCompression",
    "PixelSpacing", "SliceThickness", "SpacingBetweenSlices", "PatientIdentityRemoved", "BurnedInAnnotation",
    "KVP", "XRayTubeCurrent", "Exposure", "ExposureTime", "CTDIvol", "ConvolutionKernel", "FilterType", "ScanOptions",
    "ReconstructionDiameter", "DataCollectionDiameter", "SpiralPitchFactor", "GantryDetectorTilt",
    "ContrastBolusAgent", "MagneticFieldStrength", "ImagedNucleus", "ScanningSequence", "SequenceVariant",
    "SequenceName", "MRAcquisitionType", "RepetitionTime", "EchoTime", "InversionTime", "FlipAngle",
    "EchoTrainLength", "NumberOfAverages", "PixelBandwidth", "ImagingFrequency",
)  # fmt: skip
"""The attributes of the public facts, by DICOM keyword, which is also their column in the Imaging Data Commons."""
KEYWORDS = tuple(dict.fromkeys((*GEOMETRY_KEYWORDS, *PUBLIC, *PROTECTED)))
OLDEST = 90
"""Ages above 89 years are told as 90 (45 CFR 164.514)."""

Value = str | float | int | tuple[float, ...]


@dataclass(frozen=True)
class FileFacts:
    """One file's header, small and picklable; ``protected`` never shows in a repr."""

    path: Path = field(repr=False)
    n_bytes: int
    syntax: str
    attributes: Mapping[str, Value]
    identifying: tuple[str, ...]
    frames: Sequence[Frame] = field(repr=False)
    protected: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class SeriesFacts:
    """One series: public facts under the names of the Imaging Data Commons, protected ones apart.

    ``paths`` and the frames follow the geometry where the series is regular; else ``geometry`` is None and
    ``irregularity`` says why. Where slices are missing and all others in place, the geometry has planes for them.
    ``identifying`` names the attributes that identify a person, never their values;
    ``protected`` holds the values (PatientID, UIDs, names, dates) for the protected table and stays out of the repr.
    """

    attributes: Mapping[str, Value]
    geometry: VolumeGeometry | None
    irregularity: str | None
    missing_slices: int
    n_files: int
    n_frames: int
    n_bytes: int
    unit: str
    syntaxes: tuple[str, ...]
    identifying: tuple[str, ...]
    paths: tuple[Path, ...] = field(repr=False)
    protected: Mapping[str, str] = field(repr=False)

    @property
    def has_identity(self) -> bool:
        """Whether the headers identify a person."""
        return bool(self.identifying)

    def keys(self, secret: bytes) -> dict[str, str]:
        """``patient_key``, ``study_key`` and ``series_key``: pseudonyms of the identifiers under the site's secret."""
        sources = {"patient_key": "PatientID", "study_key": "StudyInstanceUID", "series_key": "SeriesInstanceUID"}
        return {name: pseudonym(secret, self.protected.get(source, "")) for name, source in sources.items()}


def scan_series(
    paths: Iterable[Path], *, on_problem: Callable[[Path, InputError], None] | None = None
) -> list[SeriesFacts]:
    """The series among ``paths``, from headers alone, in the order of their first file.

    A file that is no readable DICOM image goes to ``on_problem``; without it the first one is raised.
    """
    listed, files = list(paths), []
    for number, path in enumerate(listed, 1):
        try:
            files.append(read_file_facts(path, f"file {number} of {len(listed)}"))
        except InputError as error:
            if on_problem is None:
                raise
            on_problem(path, error)
    return group_series(files)


def read_file_facts(path: Path, where: str = "one file") -> FileFacts:
    """The facts of one file's header: the part of :func:`scan_series` that can run in parallel."""
    header = read_header(path, where, KEYWORDS)
    frames = frames_of(header, 0, where)
    with content_faults(where, "the header is not readable"):
        return FileFacts(
            path=path,
            n_bytes=path.stat().st_size,
            syntax=syntax_of(header),
            attributes=_public(header),
            identifying=identifying_attributes(header),
            frames=frames,
            protected=identity_of(header),
        )


def read_public(path: Path, where: str = "one file") -> dict[str, Value]:
    """The public attributes of one file, by DICOM keyword."""
    header = read_header(path, where, KEYWORDS)
    with content_faults(where, "the header is not readable"):
        return _public(header)


def group_series(files: Iterable[FileFacts]) -> list[SeriesFacts]:
    """Files with one SeriesInstanceUID become one series; pure."""
    groups: dict[str, list[FileFacts]] = defaultdict(list)
    for file in files:
        groups[file.protected.get("SeriesInstanceUID", "")].append(file)
    return [_series(group) for group in groups.values()]


def _series(files: list[FileFacts]) -> SeriesFacts:
    frames = [replace(frame, file=number) for number, file in enumerate(files) for frame in file.frames]
    geometry, irregularity, missing = None, None, 0
    try:
        stacked = stack_with_gaps(frames)
        geometry, frames, missing = stacked.grid, stacked.frames, len(stacked.missing)
        irregularity = str(stacked.fault) if stacked.fault else None
    except InputError as error:
        irregularity = str(error)
    ordered = [files[number] for number in dict.fromkeys(frame.file for frame in frames)]
    return SeriesFacts(
        attributes=ordered[0].attributes,
        geometry=geometry,
        irregularity=irregularity,
        missing_slices=missing,
        n_files=len(files),
        n_frames=len(frames),
        n_bytes=sum(file.n_bytes for file in files),
        unit=frames[0].unit,
        syntaxes=tuple(sorted({file.syntax for file in files})),
        identifying=tuple(dict.fromkeys(name for file in files for name in file.identifying)),
        paths=tuple(file.path for file in ordered),
        protected=ordered[0].protected,
    )


def _public(header: Dataset) -> dict[str, Value]:
    keywords = (*PUBLIC, *FREE_TEXT) if is_identity_removed(header) else PUBLIC
    found = {keyword: _plain(_lookup(header, keyword)) for keyword in keywords}
    if (age := found.get("PatientAge")) is not None:
        found["PatientAge"] = _capped(str(age))
    return {keyword: value for keyword, value in found.items() if value is not None}


def _lookup(header: Dataset, keyword: str) -> Any:
    """The value in the header, else in the shared or the first frame's functional groups (one level of macros)."""
    try:
        if header.get(keyword) is not None:
            return header.get(keyword)
        for groups in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
            for macro in (header.get(groups) or [()])[0]:
                if macro.VR == "SQ" and macro.value and macro.value[0].get(keyword) is not None:
                    return macro.value[0].get(keyword)
    except CONTENT_ERRORS:
        pass
    return None


def _plain(value: Any) -> Value | None:
    """Numbers as numbers, several numbers as a tuple, several words joined by DICOM's backslash."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    try:
        return float(value)
    except (TypeError, ValueError):
        pass
    try:
        return tuple(float(v) for v in value)
    except (TypeError, ValueError):
        return "\\".join(str(v) for v in value)


def _capped(age: str) -> str:
    return f"{OLDEST:03d}Y" if age.endswith("Y") and age[:-1].isdigit() and int(age[:-1]) >= OLDEST else age
