"""What in a header identifies a person, kept apart from what may be shown."""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING

from scanmill.errors import SpecError

if TYPE_CHECKING:
    from pydicom import Dataset

MIN_SECRET_BYTES = 16
UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
"""Keys into hospital systems: never shown unhashed, yet not a person's name."""
DIRECT = (
    "PatientName", "OtherPatientNames", "PatientBirthName", "PatientMotherBirthName", "PatientBirthDate",
    "PatientBirthTime", "OtherPatientIDs", "IssuerOfPatientID", "PatientAddress", "PatientTelephoneNumbers",
    "MilitaryRank", "EthnicGroup", "Occupation", "PatientReligiousPreference", "ResponsiblePerson",
    "ResponsibleOrganization", "CountryOfResidence", "RegionOfResidence", "PatientComments",
    "AdditionalPatientHistory", "AccessionNumber", "AdmissionID", "ReferringPhysicianName",
    "PerformingPhysicianName", "PhysiciansOfRecord", "NameOfPhysiciansReadingStudy", "OperatorsName",
    "RequestingPhysician", "InstitutionName", "InstitutionAddress", "InstitutionalDepartmentName", "StationName",
    "DeviceSerialNumber",
)  # fmt: skip
FREE_TEXT = ("StudyDescription", "SeriesDescription", "ProtocolName", "ImageComments")
"""People type names into these; they are public only in files that say PatientIdentityRemoved."""
DATES = ("StudyDate", "SeriesDate", "AcquisitionDate", "StudyTime", "StudyID")
PROTECTED = ("PatientID", *UIDS, *DIRECT, *DATES, *FREE_TEXT)
"""The attributes that stay in the protected zone (after the basic profile of DICOM PS3.15 annex E)."""
NEVER_LEFT = ("PatientBirthDate", "OtherPatientIDs", "PatientAddress", "PatientTelephoneNumbers")
"""No tool that removed identity leaves a value in these."""


def pseudonym(secret: bytes, value: str) -> str:
    """HMAC-SHA256 of ``value`` under the site's ``secret``, its first 16 bytes in hexadecimal.

    Raises SpecError for a secret shorter than 16 bytes: identifiers are few, and a short secret is soon guessed.

    >>> pseudonym(b"a secret of this site", "LIDC-IDRI-0314")
    '3ae447bf76084c668159a24c0a82f1ee'
    """
    if len(secret) < MIN_SECRET_BYTES:
        raise SpecError("the site secret is too short", expected=f"{MIN_SECRET_BYTES} bytes", got=len(secret))
    return hmac.new(secret, value.encode(), hashlib.sha256).hexdigest()[:32]


def identity_of(dataset: Dataset) -> dict[str, str]:
    """The protected attributes that have a value, by DICOM keyword."""
    values = {keyword: _text(dataset, keyword) for keyword in PROTECTED}
    return {keyword: value for keyword, value in values.items() if value}


def identifying_attributes(dataset: Dataset) -> tuple[str, ...]:
    """The keywords (never the values) that make this header identify a person; empty if it is de-identified.

    A file that says PatientIdentityRemoved is believed, unless one of ``NEVER_LEFT`` has a value or its pixels carry
    burned-in text. Any other file identifies by whatever it has of PatientID, names, numbers, places and free text.
    """
    present = identity_of(dataset)
    burned = ("BurnedInAnnotation",) if _text(dataset, "BurnedInAnnotation") == "YES" else ()
    suspects = NEVER_LEFT if is_identity_removed(dataset) else ("PatientID", *DIRECT, *FREE_TEXT)
    return tuple(keyword for keyword in suspects if keyword in present) + burned


def identifying_keywords(protected: Mapping[str, str]) -> tuple[str, ...]:
    """The same for a header that is no DICOM file's: which of its ``protected`` attributes identify a person.

    >>> identifying_keywords({"PatientName": "Doe^Jane", "StudyDate": "20200101"})
    ('PatientName',)
    """
    return tuple(keyword for keyword in ("PatientID", *DIRECT, *FREE_TEXT) if keyword in protected)


def is_identity_removed(dataset: Dataset) -> bool:
    """Whether the file says PatientIdentityRemoved."""
    return _text(dataset, "PatientIdentityRemoved") == "YES"


def _text(dataset: Dataset, keyword: str) -> str:
    try:
        value = dataset.get(keyword)
        return "" if value is None else str(value).strip()
    except (ValueError, TypeError, KeyError, AttributeError, NotImplementedError, EOFError, struct.error):
        return "(unreadable)"
