"""Lesions of five kinds to plant in a lung: what a search by region must tell apart."""

from __future__ import annotations

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import SpecError
from scanmill.geometry.grid import Triple
from scanmill.phantoms.anatomy import WATER_PER_MM
from scanmill.phantoms.ellipsoid import Ellipsoid, Rotation
from scanmill.phantoms.phantom import Phantom
from scanmill.phantoms.random_phantom import random_rotation

N_SPIKES, SPIKE_MM = 16, 1.5
"""A spiculated lesion's spikes, and their half width."""

# What the kind adds to the lung, in waters: ellipsoids of (part of the radius, value), and spikes or none.
KINDS: dict[str, tuple[tuple[tuple[float, float], ...], bool]] = {
    "solid": (((1.0, 0.7),), False),
    "ground glass": (((1.0, 0.25),), False),
    "cavity": (((1.0, 0.7), (0.6, -0.7)), False),
    "calcified": (((1.0, 0.6), (0.45, 1.2)), False),
    "spiculated": (((0.6, 0.7),), True),
}


def lesion(kind: str, center: Triple, radius: float, *, seed: int, water: float = WATER_PER_MM) -> Phantom:
    """A lesion within ``radius`` mm of ``center`` (LPS mm), to be added to a chest; the seed turns and stretches it.

    Semi-axes are 0.8 to 1 of the radius; values are added to the lung's, in 1/mm. SpecError for an unknown kind.

    >>> [len(lesion(kind, (0.0, 0.0, 0.0), 12.0, seed=0).ellipsoids) for kind in KINDS]
    [1, 1, 2, 2, 17]
    """
    if kind not in KINDS:
        raise SpecError("unknown kind of lesion", expected=", ".join(KINDS), got=kind)
    rng = np.random.default_rng(seed)
    layers, has_spikes = KINDS[kind]
    turned, stretch = random_rotation(rng), rng.uniform(0.8, 1.0, 3)
    parts = [Ellipsoid(center, _triple(part * radius * stretch), value * water, turned) for part, value in layers]
    spikes = [_spike(center, radius, 0.7 * water, random_rotation(rng)) for _ in range(N_SPIKES * has_spikes)]
    return Phantom((*parts, *spikes))


def _spike(center: Triple, radius: float, value: float, turned: Rotation) -> Ellipsoid:
    """From 0.4 of the radius (within the core) to the whole, along the first axis of a rotation."""
    middle = np.asarray(center) + 0.7 * radius * np.asarray(turned)[:, 0]
    return Ellipsoid(_triple(middle), (0.3 * radius, SPIKE_MM, SPIKE_MM), value, turned)


def _triple(values: HostArray) -> Triple:
    x, y, z = (float(v) for v in values)
    return x, y, z
