"""Objects of several materials in a beam of many energies: exact paths, so that only the physics is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanmill.arrays import HostArray
from scanmill.data import Projections
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry
from scanmill.phantoms.materials import attenuation
from scanmill.phantoms.phantom import Phantom


@dataclass(frozen=True, eq=False)
class Spectrum:
    """What the detector would see without an object: ``weights`` (n), of sum 1, at ``energies_kev`` (n).

    >>> tube = Spectrum.tube(120.0)
    >>> round(tube.mean_kev, 1), round(float(tube.weights.sum()), 9)
    (65.0, 1.0)
    """

    energies_kev: HostArray
    weights: HostArray

    def __post_init__(self) -> None:
        energies, weights = (np.asarray(a, dtype=np.float64) for a in (self.energies_kev, self.weights))
        if energies.ndim != 1 or energies.shape != weights.shape or not (weights >= 0).all() or not weights.sum() > 0:
            raise InputError(
                "a spectrum has a weight of 0 or more for every energy", got=(energies.shape, weights.shape)
            )
        object.__setattr__(self, "energies_kev", energies)
        object.__setattr__(self, "weights", weights / weights.sum())

    @classmethod
    def tube(
        cls, kvp: float, *, aluminium_mm: float = 6.0, energy_integrating: bool = True, step_kev: float = 2.0
    ) -> Spectrum:
        """Kramers' bremsstrahlung (kVp − E) / E behind an aluminium filter, without the lines of the anode.

        H. Kramers, Phil. Mag. 46 (1923) 836. ``energy_integrating`` weights each photon by its energy, as a
        scintillator does.
        """
        if not 20 <= kvp <= 200:
            raise InputError("the tube's voltage is out of range", expected="20 to 200 kV", got=kvp)
        energies = np.arange(10.0 + step_kev / 2, kvp, step_kev)
        filtered = (kvp - energies) / energies * np.exp(-attenuation("aluminium", energies) * aluminium_mm)
        return cls(energies, filtered * energies if energy_integrating else filtered)

    @property
    def mean_kev(self) -> float:
        """The mean energy."""
        return float(self.weights @ self.energies_kev)

    def attenuation(self, material: str) -> HostArray:
        """The linear attenuation in 1/mm at every energy."""
        return attenuation(material, self.energies_kev)

    def effective(self, material: str) -> float:
        """The attenuation in 1/mm that an infinitely thin piece shows: Σ w μ."""
        return float(self.weights @ self.attenuation(material))

    def line_integrals(self, paths_mm: Mapping[str, HostArray]) -> HostArray:
        """−log Σ_E w(E) exp(−Σ_m μ_m(E) L_m): what a detector takes for the line integral, float64.

        ``paths_mm`` holds the length of every ray in each material, arrays of one shape. Lengths may not be negative.
        """
        arrays = [np.asarray(path, dtype=np.float64) for path in paths_mm.values()]
        if not arrays or min(float(path.min()) for path in arrays) < -1e-9:
            raise InputError("a ray has lengths of 0 or more in materials", got=list(paths_mm))
        coefficients = [self.attenuation(material) for material in paths_mm]
        seen = np.zeros(arrays[0].shape)
        for index, weight in enumerate(self.weights):
            seen += weight * np.exp(-sum(mu[index] * path for mu, path in zip(coefficients, arrays, strict=True)))
        return -np.log(seen)


@dataclass(frozen=True)
class PolychromaticPhantom:
    """A phantom for each material whose values are shares of the full density (1: solid, −1: a hole in it).

    Where one material lies in another, the other needs a hole of that shape.

    >>> from scanmill.phantoms.ellipsoid import Ellipsoid
    >>> ball = Phantom((Ellipsoid((0.0, 0.0, 0.0), (50.0, 50.0, 50.0), value=1.0),))
    >>> scan = ScanGeometry.parallel([0.0], n_columns=1, column_spacing=1.0)
    >>> seen = PolychromaticPhantom({"water": ball}).projections(scan, Spectrum.tube(120.0), dtype=np.float64)
    >>> seen.array.round(3).tolist()
    [[[2.082]]]
    """

    parts: Mapping[str, Phantom]

    def paths(self, scan: ScanGeometry, *, supersampling: int = 1) -> dict[str, HostArray]:
        """The exact length of every ray in each material in mm, (view, row, column), float64."""
        return {
            material: part.line_integrals(scan, supersampling=supersampling) for material, part in self.parts.items()
        }

    def projections(
        self, scan: ScanGeometry, spectrum: Spectrum, *, supersampling: int = 1, dtype: npt.DTypeLike = np.float32
    ) -> Projections:
        """What a detector takes for line integrals, hardened; `detect` makes counts of it."""
        paths = self.paths(scan, supersampling=supersampling)
        return Projections(spectrum.line_integrals(paths).astype(dtype), scan, "line_integral")

    def at(self, energy_kev: float) -> Phantom:
        """The phantom in 1/mm that a beam of one energy sees."""
        parts = [part.scaled(value=float(attenuation(name, energy_kev))) for name, part in self.parts.items()]
        return Phantom(tuple(ellipsoid for part in parts for ellipsoid in part.ellipsoids))

    def effective(self, spectrum: Spectrum) -> Phantom:
        """The phantom in 1/mm that the spectrum would see if it did not harden."""
        parts = [part.scaled(value=spectrum.effective(name)) for name, part in self.parts.items()]
        return Phantom(tuple(ellipsoid for part in parts for ellipsoid in part.ellipsoids))
