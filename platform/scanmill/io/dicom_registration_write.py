"""A linear transform as a de-identified DICOM Spatial Registration."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from scanmill.arrays import HostArray
from scanmill.data.transforms import Rigid, Transform, parts_of
from scanmill.errors import SpecError
from scanmill.io.dicom_registration import LINEAR
from scanmill.io.dicom_write import IMPLEMENTATION, decimal_strings, derived_uid, write_dataset, written_identity
from scanmill.storage.faults import storage_faults


def write_registration(
    path: Path,
    transform: Transform,
    *,
    fixed_uid: str,
    moving_uid: str,
    uid_seed: str,
    created: datetime,
    patient_key: str = "",
    study_key: str = "",
) -> None:
    """One Spatial Registration whose frame of reference is the fixed one; the same input gives the same bytes.

    ``fixed_uid`` and ``moving_uid`` are the frames of reference of both images; the file's matrix goes from moving to
    fixed, as the standard wants it, with 16 characters a number. Identity is treated as in `write_series`. Raises
    SpecError for a transform that is not linear.
    """
    if transform.affine is None:
        raise SpecError("a Spatial Registration is linear", got=type(transform).__name__)
    kind = "RIGID" if all(isinstance(part, Rigid) for part in parts_of(transform)) else "AFFINE"
    attributes = written_identity(uid_seed, patient_key, study_key) | {
        "SpecificCharacterSet": "ISO_IR 192",
        "SOPClassUID": LINEAR,
        "SOPInstanceUID": derived_uid(uid_seed, "instance", "registration"),
        "Modality": "REG",
        "FrameOfReferenceUID": fixed_uid,
        "Manufacturer": IMPLEMENTATION,
        "ManufacturerModelName": IMPLEMENTATION,
        "DeviceSerialNumber": "0",
        "SoftwareVersions": IMPLEMENTATION,
        "SeriesNumber": 1,
        "InstanceNumber": 1,
        "ContentDate": f"{created:%Y%m%d}",
        "ContentTime": f"{created:%H%M%S}",
        "ContentLabel": "REGISTRATION",
        "ContentDescription": "",
        "ContentCreatorName": "",
        "RegistrationSequence": [
            _item(fixed_uid, np.eye(4), "RIGID"),
            _item(moving_uid, np.linalg.inv(transform.affine), kind),
        ],
    }
    del attributes["BurnedInAnnotation"]
    with storage_faults(path.name):
        write_dataset(path, attributes, None)


def _item(uid: str, matrix: HostArray, kind: str) -> Any:
    from pydicom import Dataset

    inner, registration, item = Dataset(), Dataset(), Dataset()
    inner.FrameOfReferenceTransformationMatrixType = kind
    inner.FrameOfReferenceTransformationMatrix = decimal_strings(matrix.ravel().tolist())
    registration.MatrixSequence = [inner]
    registration.RegistrationTypeCodeSequence = []
    item.FrameOfReferenceUID = uid
    item.MatrixRegistrationSequence = [registration]
    return item
