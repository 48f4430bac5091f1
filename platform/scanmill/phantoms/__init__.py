"""Analytic objects with exact projections and k-space, noise and scanner faults: for tests, demo and benchmarks."""

from scanmill.phantoms.acquisition import PERFECT, Detector, acquire, detect
from scanmill.phantoms.anatomy import WATER_PER_MM, chest, head
from scanmill.phantoms.coil_noise import random_covariance
from scanmill.phantoms.coils import CoilArray
from scanmill.phantoms.dynamic import breathing, enhancing
from scanmill.phantoms.ellipsoid import Ellipsoid, about_z
from scanmill.phantoms.fourier_transform import EncodedSpace, fourier_transform
from scanmill.phantoms.kspace import acquire_kspace
from scanmill.phantoms.lesions import KINDS, lesion
from scanmill.phantoms.materials import MATERIALS, attenuation
from scanmill.phantoms.mr_signal import LinearField, mr_signal
from scanmill.phantoms.phantom import Phantom
from scanmill.phantoms.poisson_disc import poisson_disc
from scanmill.phantoms.polychromatic import PolychromaticPhantom, Spectrum
from scanmill.phantoms.random_phantom import random_phantom
from scanmill.phantoms.sampling_masks import caipi, partial_fourier, regular
from scanmill.phantoms.shepp_logan import shepp_logan_2d, shepp_logan_3d

__all__ = [
    "KINDS",
    "MATERIALS",
    "PERFECT",
    "WATER_PER_MM",
    "CoilArray",
    "Detector",
    "Ellipsoid",
    "EncodedSpace",
    "LinearField",
    "Phantom",
    "PolychromaticPhantom",
    "Spectrum",
    "about_z",
    "acquire",
    "acquire_kspace",
    "attenuation",
    "breathing",
    "caipi",
    "chest",
    "detect",
    "enhancing",
    "fourier_transform",
    "head",
    "lesion",
    "mr_signal",
    "partial_fourier",
    "poisson_disc",
    "random_covariance",
    "random_phantom",
    "regular",
    "shepp_logan_2d",
    "shepp_logan_3d",
]
