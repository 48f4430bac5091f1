"""How water, bone, aluminium and iron attenuate X-rays of 10 to 200 keV."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from scanmill.arrays import HostArray
from scanmill.errors import InputError

ENERGIES_KEV = (10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 80.0, 100.0, 150.0, 200.0)


class Material(NamedTuple):
    """Density in g/cm³ and mass attenuation with coherent scattering in cm²/g at `ENERGIES_KEV`."""

    density: float
    mass_attenuation: tuple[float, ...]


MATERIALS: Mapping[str, Material] = {
    "water": Material(1.0, (5.329, 1.673, 0.8096, 0.3756, 0.2683, 0.2269, 0.2059, 0.1837, 0.1707, 0.1505, 0.1370)),
    "bone": Material(1.92, (28.51, 9.032, 4.001, 1.331, 0.6655, 0.4242, 0.3148, 0.2229, 0.1855, 0.1480, 0.1309)),
    "aluminium": Material(2.699, (26.23, 7.955, 3.441, 1.128, 0.5685, 0.3681, 0.2778, 0.2018, 0.1704, 0.1378, 0.1223)),
    "iron": Material(7.874, (170.6, 57.08, 25.68, 8.176, 3.629, 1.958, 1.205, 0.5952, 0.3717, 0.1964, 0.1460)),
}
"""J. Hubbell, S. Seltzer, NIST Standard Reference Database 126 (NISTIR 5632, 2004), tables 3 and 4; bone is cortical
bone of ICRU-44. None has an absorption edge in this range."""


def attenuation(material: str, energies_kev: npt.ArrayLike) -> HostArray:
    """The linear attenuation in 1/mm at energies in keV, by log-log interpolation of the table.

    Raises InputError for an unknown material and for energies outside 10 to 200 keV.

    >>> attenuation("water", [60.0]).round(5).tolist()
    [0.02059]
    """
    if material not in MATERIALS:
        raise InputError("unknown material", expected=", ".join(MATERIALS), got=material)
    energies = np.asarray(energies_kev, dtype=np.float64)
    low, high = ENERGIES_KEV[0], ENERGIES_KEV[-1]
    if not ((energies >= low) & (energies <= high)).all():
        raise InputError("the table of attenuation ends", expected=f"{low:g} to {high:g} keV", got=energies.tolist())
    density, values = MATERIALS[material]
    return np.asarray(0.1 * density * np.exp(np.interp(np.log(energies), np.log(ENERGIES_KEV), np.log(values))))
