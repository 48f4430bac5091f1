"""Analytic objects with exact projections, noise and scanner faults: for tests, the demo and benchmarks."""

from scanmill.phantoms.acquisition import PERFECT, Detector, acquire, detect
from scanmill.phantoms.anatomy import WATER_PER_MM, chest, head
from scanmill.phantoms.ellipsoid import Ellipsoid, about_z
from scanmill.phantoms.materials import MATERIALS, attenuation
from scanmill.phantoms.phantom import Phantom
from scanmill.phantoms.polychromatic import PolychromaticPhantom, Spectrum
from scanmill.phantoms.random_phantom import random_phantom
from scanmill.phantoms.shepp_logan import shepp_logan_2d, shepp_logan_3d

__all__ = [
    "MATERIALS",
    "PERFECT",
    "WATER_PER_MM",
    "Detector",
    "Ellipsoid",
    "Phantom",
    "PolychromaticPhantom",
    "Spectrum",
    "about_z",
    "acquire",
    "attenuation",
    "chest",
    "detect",
    "head",
    "random_phantom",
    "shepp_logan_2d",
    "shepp_logan_3d",
]
