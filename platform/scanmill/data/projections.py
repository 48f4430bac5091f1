"""What a CT scanner measured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from scanmill.arrays import Array
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry

Quantity = Literal["counts", "transmission", "line_integral", "emission"]


@dataclass(frozen=True, eq=False)
class Projections:
    """An array (view, row, column) with the scan that made it.

    ``quantity`` says what the numbers are: detector ``counts`` (with ``dark`` and ``flat`` fields, each a
    (row, column) mean, or None), ``transmission`` (I / I0), ``line_integral`` (attenuation summed along the
    ray, no unit) or ``emission`` (counts that were emitted along the ray, unattenuated). ``photons`` is the incident
    number per pixel, where it is known: one number, or an array that broadcasts to (view, row, column), such as
    (view, 1, column) from a scanner with a bowtie and a modulated tube. ``water_attenuation`` in 1/mm is the
    scanner's own, from which Hounsfield units are made.

    >>> scan = ScanGeometry.parallel([0.0], n_columns=3, column_spacing=1.0)
    >>> Projections(np.ones((1, 1, 3)), scan).quantity
    'line_integral'
    """

    array: Array
    geometry: ScanGeometry
    quantity: Quantity = "line_integral"
    dark: Array | None = None
    flat: Array | None = None
    photons: float | Array | None = None
    water_attenuation: float | None = None

    def __post_init__(self) -> None:
        if tuple(self.array.shape) != self.geometry.shape:
            raise InputError(
                "projections do not fit their scan (view, row, column)",
                expected=self.geometry.shape,
                got=tuple(self.array.shape),
            )
        for name in ("dark", "flat"):
            field = getattr(self, name)
            if field is not None and tuple(field.shape) != self.geometry.shape[1:]:
                raise InputError(
                    f"{name} field does not fit the detector", expected=self.geometry.shape[1:], got=field.shape
                )
        if self.photons is not None and not isinstance(self.photons, float | int):
            _check_photons(tuple(self.photons.shape), self.geometry.shape)

    def views(self, chosen: slice | Array) -> Projections:
        """The projections of the chosen views only."""
        index = chosen if isinstance(chosen, slice) else np.asarray(chosen)
        photons = self.photons
        if photons is not None and not isinstance(photons, float | int) and photons.shape[0] > 1:
            photons = photons[index]
        return replace(self, array=self.array[index], geometry=self.geometry.views(index), photons=photons)


def _check_photons(photons: tuple[int, ...], pixels: tuple[int, int, int]) -> None:
    if len(photons) != 3 or any(n not in (1, m) for n, m in zip(photons, pixels, strict=True)):
        raise InputError("photons do not broadcast to (view, row, column)", expected=pixels, got=photons)
