"""Where each frame of a DICOM image lies in the patient: classic slices and Enhanced multi-frames alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scanmill.errors import InputError
from scanmill.io.dicom_file import content_faults, numbers, whole

if TYPE_CHECKING:
    from pydicom import Dataset

GEOMETRY_KEYWORDS = (
    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "SpacingBetweenSlices",
    "RescaleSlope", "RescaleIntercept", "RescaleType", "Modality",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
)  # fmt: skip
MACROS = {
    "position": "PlanePositionSequence",
    "orientation": "PlaneOrientationSequence",
    "measures": "PixelMeasuresSequence",
    "values": "PixelValueTransformationSequence",
}
"""Where an Enhanced image keeps what a classic one has at its top level."""


@dataclass(frozen=True)
class Frame:
    """One plane: ``index`` counts within its ``file``; points and directions are LPS mm.

    ``orientation`` is DICOM's: the direction of growing column index, then of growing row index. ``spacing`` is
    (between rows, between columns). Values are ``slope * stored + intercept``.
    """

    file: int
    index: int
    shape: tuple[int, int]
    position: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing: tuple[float, ...]
    slope: float = 1.0
    intercept: float = 0.0
    thickness: float | None = None
    unit: str = ""


def frames_of(dataset: Dataset, file: int, where: str) -> list[Frame]:
    """The frames of one file; InputError names the attribute that is missing."""
    with content_faults(where, "the header is not readable"):
        return _frames(dataset, file, where)


def _frames(dataset: Dataset, file: int, where: str) -> list[Frame]:
    shape = whole(dataset, "Rows", where), whole(dataset, "Columns", where)
    n_frames = whole(dataset, "NumberOfFrames", where, default=1)
    if whole(dataset, "SamplesPerPixel", where, default=1) != 1:
        raise InputError("a colour image has no place in a volume", where=where)
    if min(*shape, n_frames) < 1:
        raise InputError("an image of no size", where=where, got=(n_frames, *shape))
    if "PerFrameFunctionalGroupsSequence" in dataset:
        return _enhanced(dataset, file, shape, n_frames, where)
    if n_frames > 1:
        raise InputError("several frames without functional groups", where=where, got=f"{n_frames} frames")
    parts = dict.fromkeys(("position", "orientation", "measures", "values"), dataset)
    return [_frame(parts, file, 0, shape, _modality(dataset), where)]


def _enhanced(dataset: Dataset, file: int, shape: tuple[int, int], n_frames: int, where: str) -> list[Frame]:
    from pydicom import Dataset

    shared = (dataset.get("SharedFunctionalGroupsSequence") or [Dataset()])[0]
    groups = dataset.PerFrameFunctionalGroupsSequence
    if len(groups) != n_frames:
        raise InputError("functional groups do not fit the frames", where=where, expected=n_frames, got=len(groups))
    return [
        _frame(
            {part: _macro(group, shared, name) for part, name in MACROS.items()},
            file, index, shape, _modality(dataset), where,
        )
        for index, group in enumerate(groups)
    ]  # fmt: skip


def _macro(group: Dataset, shared: Dataset, name: str) -> Dataset:
    """The frame's own item of a macro, else the shared one, else an empty item."""
    from pydicom import Dataset

    for place in (group, shared):
        if items := place.get(name):
            return items[0]  # type: ignore[no-any-return]
    return Dataset()


def _frame(
    parts: dict[str, Dataset], file: int, index: int, shape: tuple[int, int], modality: str, where: str
) -> Frame:
    measures, values = parts["measures"], parts["values"]
    spacing = numbers(measures, "PixelSpacing", 2, where)
    if min(spacing) <= 0:
        raise InputError("PixelSpacing must be positive", where=where, got=spacing)
    rescaled = values.get("RescaleSlope") is not None or values.get("RescaleIntercept") is not None
    return Frame(
        file=file,
        index=index,
        shape=shape,
        position=numbers(parts["position"], "ImagePositionPatient", 3, where),
        orientation=numbers(parts["orientation"], "ImageOrientationPatient", 6, where),
        spacing=spacing,
        slope=_optional(values, "RescaleSlope", where) or 1.0,
        intercept=_optional(values, "RescaleIntercept", where) or 0.0,
        thickness=_optional(measures, "SpacingBetweenSlices", where) or _optional(measures, "SliceThickness", where),
        unit=_unit(str(values.get("RescaleType") or ""), modality) if rescaled else "",
    )


def _optional(dataset: Dataset, keyword: str, where: str) -> float | None:
    return None if dataset.get(keyword) in (None, "") else numbers(dataset, keyword, 1, where)[0]


def _modality(dataset: Dataset) -> str:
    return str(dataset.get("Modality") or "")


def _unit(rescale_type: str, modality: str) -> str:
    """CT rescales to HU unless it says otherwise; ``US`` is DICOM's word for unspecified."""
    if modality == "CT":
        return "HU" if rescale_type in ("", "HU", "US", "HU_MOD") else rescale_type
    return "" if rescale_type == "US" else rescale_type
