"""Scans of phantoms with known coils, a real head, and BART where it is installed."""

import numpy as np
import pytest

import brain8
from bart_tool import Bart
from scanmill.geometry import VolumeGeometry
from scanmill.operators.fourier import FourierOp
from scanmill.phantoms import shepp_logan_2d
from scanmill.phantoms.coils import CoilArray
from scanmill.phantoms.kspace import acquire_kspace

GRID = VolumeGeometry.centered((1, 96, 80), (2.4, 2.8, 5.0))
SIGMA = 0.02
"""Noise of a sample; the signal of the phantom is about 1 in the image."""


@pytest.fixture(scope="session")
def brain8_full(data_folder):
    """Fully sampled k-space of 8 coils, (1, 8, 1, 230, 180)."""
    return brain8.full_kspace(data_folder)


@pytest.fixture
def bart(tmp_path):
    """BART in a folder of its own."""
    return Bart(tmp_path)


class Scan:
    """A noisy analytic scan, what its coils are, and where the object is."""

    def __init__(self, sigma=SIGMA, **knobs):
        coils = CoilArray.loops(6, body_mm=100.0)
        phantom = shepp_logan_2d(unit=1.0)
        self.kspace = acquire_kspace(phantom, GRID, coils, noise_covariance=sigma**2 * np.eye(6), seed=5, **knobs)
        self.samples = self.kspace.array[0]
        self.object = phantom.voxels(GRID, supersampling=2).array
        self.inside = self.object > 0.1
        sensitivities = coils.values(GRID.voxel_points())
        self.root = np.sqrt((abs(sensitivities) ** 2).sum(axis=0))
        self.sensitivities = sensitivities / self.root
        self.images = FourierOp(self.samples.shape).H(self.samples)

    def calibration(self, width=24):
        return self.samples[..., 48 - width // 2 : 48 + width // 2, 40 - width // 2 : 40 + width // 2]

    def agreement(self, maps):
        """|⟨true, found⟩| of the unit vectors over the coils inside the object, for maps (coil, z, y, x)."""
        return abs((self.sensitivities.conj() * maps).sum(axis=0))[self.inside]


@pytest.fixture(scope="session")
def scan():
    """The phantom with full sampling and a little noise."""
    return Scan()


@pytest.fixture(scope="session")
def make_scan():
    """Scans with other masks and noise."""
    return Scan
