"""Attenuation in the unit of radiology."""

from __future__ import annotations

from scanmill.data import Volume
from scanmill.errors import InputError


def to_hounsfield(volume: Volume, water_attenuation: float) -> Volume:
    """HU = 1000 (μ − μ_w) / μ_w of a volume in 1/mm (G. Hounsfield; DICOM PS3.3 C.8.2.1: water 0, vacuum −1000).

    ``water_attenuation`` in 1/mm belongs to the beam, not to the patient. Raises InputError for a volume in another
    unit and for an attenuation that is no small positive number.

    >>> import numpy as np
    >>> from scanmill.geometry import VolumeGeometry
    >>> to_hounsfield(Volume(np.array([[[0.0, 0.02, 0.03]]]), VolumeGeometry((1, 1, 3)), "1/mm"), 0.02).array.tolist()
    [[[-1000.0, 0.0, 500.0]]]
    """
    _check(volume, water_attenuation, "1/mm")
    return volume.with_array(volume.array * (1000.0 / water_attenuation) - 1000.0, "HU")


def from_hounsfield(volume: Volume, water_attenuation: float) -> Volume:
    """μ = μ_w (1 + HU / 1000) in 1/mm, the inverse of :func:`to_hounsfield`."""
    _check(volume, water_attenuation, "HU")
    return volume.with_array((volume.array + 1000.0) * (water_attenuation / 1000.0), "1/mm")


def _check(volume: Volume, water_attenuation: float, unit: str) -> None:
    if volume.unit != unit:
        raise InputError("the volume has another unit", expected=unit, got=volume.unit or "none")
    if not 0 < water_attenuation < 1:
        raise InputError(
            "water's attenuation is wrong", expected="above 0 and below 1 per mm (about 0.02)", got=water_attenuation,
            do="give it in 1/mm, not in 1/cm or 1/m",
        )  # fmt: skip
