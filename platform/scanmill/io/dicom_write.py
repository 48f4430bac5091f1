"""A volume as a derived, de-identified DICOM series that other tools open."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np

from scanmill.arrays import to_host
from scanmill.data import Volume
from scanmill.errors import SpecError
from scanmill.geometry import VolumeGeometry
from scanmill.io.dicom_rescale import Rescale
from scanmill.io.dicom_scan import SeriesFacts
from scanmill.storage.faults import storage_faults

if TYPE_CHECKING:
    from pydicom import Dataset

CLASSES = {"CT": "1.2.840.10008.5.1.4.1.1.2", "MR": "1.2.840.10008.5.1.4.1.1.4"}
IMPLEMENTATION = "scanmill"
INHERITED = (
    "BodyPartExamined", "PatientPosition", "PatientSex", "KVP", "MagneticFieldStrength", "ScanningSequence",
    "SequenceVariant", "ScanOptions", "MRAcquisitionType", "RepetitionTime", "EchoTime", "EchoTrainLength",
    "InversionTime", "FlipAngle", "ImagingFrequency", "ImagedNucleus",
)  # fmt: skip
"""The public facts of the source that hold for an image derived from it."""
DEFAULTS: dict[str, dict[str, Any]] = {
    "CT": {"KVP": None, "AcquisitionNumber": None, "PatientPosition": ""},
    "MR": {
        "ScanningSequence": "RM", "SequenceVariant": "NONE", "ScanOptions": "", "MRAcquisitionType": "",
        "RepetitionTime": None, "EchoTime": None, "EchoTrainLength": None, "PatientPosition": "",
    },
}  # fmt: skip
"""What the CT and the MR Image module (PS3.3 C.8.2.1, C.8.3.1) and General Series want even where it is not known."""


def write_series(
    folder: Path,
    volume: Volume,
    *,
    description: str,
    uid_seed: str,
    like: SeriesFacts | Mapping[str, Any] | None = None,
    rescale: Rescale | None = None,
    patient_key: str = "",
    study_key: str = "",
) -> list[Path]:
    """Write ``0001.dcm`` ... one CT or MR Image Storage object per plane; the same input gives the same bytes.

    The modality is that of ``like``, else CT for HU and 1/mm and MR for the rest. Voxels become int16 with a recorded
    slope and intercept (the error is at most half a slope): the finest of the image's own, or ``rescale``, the same for
    many images, without which stored numbers cannot be compared. ``uid_seed`` makes the UIDs (root 2.25): the same seed
    gives the same series, so it must name what is written (run, unit, output). Series written with the same
    ``study_key`` (a pseudonym) share their study and frame of reference. Nothing of the source's identity is copied:
    PatientID is ``patient_key``, there is no name, and ``like``, a series or attributes by keyword, gives only public
    facts such as the body part.

    ``description`` is shown in viewers: at most 64 characters, and no name in it. Raises InputError for values that
    are not finite or do not fit ``rescale``, SpecError for a description that does not fit or another modality.
    """
    voxels = to_host(volume.array)
    rescale = Rescale.of(voxels) if rescale is None else rescale
    rescale.check(voxels)
    common = _common(volume, rescale, description, like)
    common |= written_identity(uid_seed, patient_key, study_key)
    with storage_faults(folder.name):
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / f"{number:04d}.dcm" for number in range(1, len(voxels) + 1)]
        for number, path in enumerate(paths, 1):
            plane = common | plane_of_series(volume.geometry, number, uid_seed)
            write_dataset(path, plane, rescale.store(voxels[number - 1]).tobytes())
    return paths


def derived_uid(*parts: str) -> str:
    """A UID under 2.25 that is a function of ``parts``: a version 8 UUID from their SHA-256.

    >>> derived_uid("run", "series")
    '2.25.232661104001825335373582359192077342979'
    """
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    bits = int.from_bytes(digest[:16], "big")
    bits = bits & ~(0xF << 76) & ~(0x3 << 62) | (8 << 76) | (2 << 62)
    return f"2.25.{UUID(int=bits).int}"


def _common(
    volume: Volume, rescale: Rescale, description: str, like: SeriesFacts | Mapping[str, Any] | None
) -> dict[str, Any]:
    known: Mapping[str, Any] = like if isinstance(like, Mapping) else like.attributes if like else {}
    modality = str(known.get("Modality") or ("CT" if volume.unit in ("HU", "1/mm") else "MR"))
    if modality not in CLASSES:
        raise SpecError("only CT and MR series can be written", got=modality)
    check_description(description)
    grid = volume.geometry
    return {
        **DEFAULTS[modality],
        **{keyword: known[keyword] for keyword in INHERITED if keyword in known},
        "SpecificCharacterSet": "ISO_IR 192",
        "SOPClassUID": CLASSES[modality],
        "Modality": modality,
        "ImageType": ["DERIVED", "SECONDARY", "AXIAL" if modality == "CT" else "OTHER"],
        "SeriesDescription": description,
        "DerivationDescription": description,
        "Manufacturer": IMPLEMENTATION,
        "SeriesNumber": None,
        **plane_place(grid),
        "Rows": grid.shape[1],
        "Columns": grid.shape[2],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 1,
        "RescaleSlope": _decimal(rescale.slope),
        "RescaleIntercept": _decimal(rescale.intercept),
        "RescaleType": volume.unit[:16] or "US",
        "LossyImageCompression": "00",
    }


def written_identity(uid_seed: str, patient_key: str, study_key: str) -> dict[str, Any]:
    """Who and what, in pseudonyms; type 2 attributes that would tell more are empty."""
    study = study_key or uid_seed
    return {
        "StudyInstanceUID": derived_uid(study, "study"),
        "SeriesInstanceUID": derived_uid(uid_seed, "series"),
        "FrameOfReferenceUID": derived_uid(study, "frame of reference"),
        "PatientID": patient_key or derived_uid(study, "patient").removeprefix("2.25.")[:16],
        **dict.fromkeys(
            ("PatientName", "PatientBirthDate", "StudyDate", "StudyTime", "AccessionNumber", "StudyID"), ""
        ),
        **dict.fromkeys(("ReferringPhysicianName", "PositionReferenceIndicator"), ""),
        "PatientIdentityRemoved": "YES",
        "DeidentificationMethod": "scanmill: written anew from a list of allowed attributes",
        "LongitudinalTemporalInformationModified": "REMOVED",
        "BurnedInAnnotation": "NO",
    }


def check_description(description: str) -> None:
    """SpecError where a SeriesDescription does not fit."""
    if len(description) > 64 or "\\" in description or not description.isprintable():
        raise SpecError("a series description has at most 64 printable characters", got=len(description))


def plane_place(grid: VolumeGeometry) -> dict[str, Any]:
    """What all planes of a grid share: orientation, spacing and thickness."""
    axes = np.asarray(grid.direction)
    return {
        "ImageOrientationPatient": decimal_strings([*axes[:, 0], *axes[:, 1]]),
        "PixelSpacing": decimal_strings([grid.spacing[1], grid.spacing[0]]),
        "SliceThickness": decimal_strings([grid.spacing[2]])[0],
        "SpacingBetweenSlices": decimal_strings([grid.spacing[2]])[0],
    }


def plane_of_series(grid: VolumeGeometry, number: int, uid_seed: str) -> dict[str, Any]:
    """What belongs to plane ``number``, counted from 1, alone."""
    return {
        "SOPInstanceUID": derived_uid(uid_seed, "instance", str(number)),
        "InstanceNumber": number,
        "ImagePositionPatient": decimal_strings(grid.to_points([0, 0, number - 1]).tolist()),
    }


def write_dataset(path: Path, attributes: Mapping[str, Any], pixels: bytes | None) -> None:
    """One file, Explicit VR Little Endian, with these attributes by keyword."""
    from pydicom import Dataset
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian

    dataset: Dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    dataset.setdefault("PatientSex", "")
    if pixels is not None:
        padded = pixels + b"\0" * (len(pixels) % 2)
        dataset.add_new("PixelData", "OW" if dataset.BitsAllocated > 8 else "OB", padded)
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = UID(attributes["SOPClassUID"])
    meta.MediaStorageSOPInstanceUID = UID(attributes["SOPInstanceUID"])
    meta.ImplementationClassUID = UID(derived_uid(IMPLEMENTATION))
    meta.ImplementationVersionName = IMPLEMENTATION.upper()
    dataset.file_meta = meta
    dataset.save_as(path, enforce_file_format=True)


def decimal_strings(values: list[float]) -> list[str]:
    """Numbers as DICOM's decimal strings of at most 16 characters."""
    from pydicom.valuerep import format_number_as_ds

    return [format_number_as_ds(float(value) + 0.0) for value in values]


def _decimal(value: Decimal) -> str:
    plain = f"{value.normalize():f}"
    return plain if len(plain) <= 16 else f"{value.normalize():E}"
