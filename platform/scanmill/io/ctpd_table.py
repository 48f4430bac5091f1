"""All views of one DICOM-CT-PD scan in the order of acquisition, as the files have them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from scanmill.arrays import HostArray
from scanmill.io.ctpd_tags import Value

PHI, Z = "DetectorFocalCenterAngularPosition", "DetectorFocalCenterAxialPosition"
CHUNK_BYTES = 2**20


@dataclass(frozen=True, eq=False)
class ViewTable:
    """``columns`` (n_views,) by the names of ``PER_VIEW``, in the order of InstanceNumber; ``scan`` what all views
    share; ``photons`` (n_views, n_columns) float32, incident per detector column, or None; ``warnings`` what is
    doubtful. Lengths in mm, angles in rad, in the manual's own frame."""

    columns: Mapping[str, HostArray]
    scan: Mapping[str, Value]
    photons: HostArray | None
    warnings: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> HostArray:
        return self.columns[name]

    def number(self, name: str) -> float:
        """A value that all views share."""
        return float(self.scan[name])  # type: ignore[arg-type]

    @property
    def n_views(self) -> int:
        """The number of views."""
        return len(self.columns[PHI])

    @property
    def n_rows(self) -> int:
        """The number of detector rows."""
        return int(self.number("NumberofDetectorRows"))

    @property
    def n_columns(self) -> int:
        """The number of detector columns (channels)."""
        return int(self.number("NumberofDetectorColumns"))

    @property
    def is_transposed(self) -> bool:
        """Whether the pixels stand as (column, row): so in the public collection, whose Rows are channels."""
        return (self.scan["Rows"], self.scan["Columns"]) != (self.n_rows, self.n_columns)

    @property
    def views_at_once(self) -> int:
        """As many views as make a chunk of a store, and as are read at a time."""
        return max(1, min(self.n_views, CHUNK_BYTES // (2 * self.n_rows * self.n_columns)))

    @property
    def water_attenuation(self) -> float | None:
        """In 1/mm, where the files have it: HUCalibrationFactor in those of version 1."""
        water = self.scan["WaterAttenuationCoefficient"] or self.scan["HUCalibrationFactor"]
        return None if water is None else float(water)

    @property
    def feed(self) -> float:
        """The table feed in mm per turn, fitted to z over the angle; 0 for less than one turn."""
        phi = np.unwrap(self[PHI])
        return float(np.polyfit(phi, self[Z], 1)[0] * 2 * np.pi) if np.ptp(phi) > 0 else 0.0
