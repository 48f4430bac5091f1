"""The unit of CT images: 1/mm inside the algorithms, Hounsfield where the attenuation of water is known."""

from __future__ import annotations

from typing import Literal

from scanmill.algorithms.preparation import from_hounsfield, to_hounsfield
from scanmill.data import Projections, Volume
from scanmill.errors import InputError

Unit = Literal["auto", "1/mm", "HU"]


def in_unit(image: Volume, unit: Unit, scan: Projections) -> Volume:
    """An ``image`` in 1/mm in the wanted unit; ``auto`` is HU where ``scan`` knows its water."""
    knows = scan.water_attenuation is not None and scan.quantity != "emission"
    if unit == "1/mm" or (unit == "auto" and not knows):
        return image
    return to_hounsfield(image, water_of(scan))


def in_attenuation(image: Volume, scan: Projections) -> Volume:
    """The ``image`` in 1/mm, from HU where it has them; an image without a unit is taken for 1/mm."""
    return from_hounsfield(image, water_of(scan)) if image.unit == "HU" else image


def water_of(scan: Projections) -> float:
    """The scan's attenuation of water in 1/mm, which must be known."""
    if scan.water_attenuation is None:
        raise InputError("the scan does not know the attenuation of water", where="scan",
                         do="give ct.prepare water_attenuation in 1/mm")  # fmt: skip
    return scan.water_attenuation
