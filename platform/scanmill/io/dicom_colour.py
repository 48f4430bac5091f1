"""Colours as a DICOM series: one true-colour secondary capture per plane, in its place in the patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scanmill.arrays import to_host
from scanmill.data import ColourVolume
from scanmill.io.dicom_write import (
    IMPLEMENTATION,
    check_description,
    plane_of_series,
    plane_place,
    write_dataset,
    written_identity,
)
from scanmill.storage.faults import storage_faults

if TYPE_CHECKING:
    from pydicom import Dataset

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
"""Secondary Capture Image Storage (PS3.3 A.8.1); with the planes' places it is a Standard Extended SOP Class."""


def write_colour_series(
    folder: Path,
    image: ColourVolume,
    *,
    description: str,
    uid_seed: str,
    like: Mapping[str, Any] | None = None,
    sources: Sequence[str] = (),
    patient_key: str = "",
    study_key: str = "",
) -> list[Path]:
    """Write ``0001.dcm`` ...: RGB, eight bits a channel; the same input gives the same bytes.

    ``sources`` are the row keys of what was fused or overlaid; DerivationDescription names them, since the instance
    UIDs of the sources are keys into a hospital's systems and stay outside. The place of every plane, the frame of
    reference and the identity are those of :func:`scanmill.io.dicom_write.write_series`, so that both kinds of series
    of one ``study_key`` lie over each other. Raises SpecError for a description that does not fit.
    """
    check_description(description)
    colours = np.ascontiguousarray(to_host(image.array))
    common = _common(image, description, sources) | written_identity(uid_seed, patient_key, study_key)
    public = {name: value for name, value in (like or {}).items() if name in ("BodyPartExamined", "PatientSex")}
    with storage_faults(folder.name):
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / f"{number:04d}.dcm" for number in range(1, len(colours) + 1)]
        for number, path in enumerate(paths, 1):
            plane = public | common | plane_of_series(image.geometry, number, uid_seed)
            write_dataset(path, plane, colours[number - 1].tobytes())
    return paths


def _common(image: ColourVolume, description: str, sources: Sequence[str]) -> dict[str, Any]:
    _, n_rows, n_columns = image.geometry.shape
    made_of = f"{description}, made of {' and '.join(sources)}" if sources else description
    return {
        "SpecificCharacterSet": "ISO_IR 192",
        "SOPClassUID": SECONDARY_CAPTURE,
        "Modality": "OT",
        "ConversionType": "WSD",
        "ImageType": ["DERIVED", "SECONDARY"],
        "SeriesDescription": description,
        "DerivationDescription": made_of[:1024],
        "DerivationCodeSequence": [_resampled()],
        "Manufacturer": IMPLEMENTATION,
        "SeriesNumber": None,
        "Laterality": "",
        "PatientOrientation": "",
        **plane_place(image.geometry),
        "Rows": n_rows,
        "Columns": n_columns,
        "SamplesPerPixel": 3,
        "PlanarConfiguration": 0,
        "PhotometricInterpretation": "RGB",
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
        "PixelRepresentation": 0,
        "LossyImageCompression": "00",
    }


def _resampled() -> Dataset:
    """PS3.16 CID 7203: the moving image was resampled onto the fixed one's grid."""
    from pydicom import Dataset

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "113085", "DCM", "Spatial resampling"
    return item
