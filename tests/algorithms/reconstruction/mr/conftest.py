"""Small problems with known answers, real k-space, and BART where it is installed."""

import numpy as np
import pytest

import brain8
from bart_tool import Bart


@pytest.fixture(scope="session")
def brain8_full(data_folder):
    """Fully sampled k-space of 8 coils, (1, 8, 1, 230, 180)."""
    return brain8.full_kspace(data_folder)


@pytest.fixture
def bart(tmp_path):
    """BART in a folder of its own."""
    return Bart(tmp_path)


@pytest.fixture
def harmonic_coils():
    """Coil images of one object seen by coils exp(-2 pi i j r / n), whose k-space is that of the object, shifted by j.

    A missing sample of a coil is then exactly a sample of another coil at another place. The object's k-space is random
    and zero near its edges, so that nothing is shifted over them.
    """

    def build(shape, shifts, *, seed=0, margin=4, dtype=np.complex128):
        rng = np.random.default_rng(seed)
        inner = tuple(slice(0, 1) if n == 1 else slice(margin, n - margin) for n in shape)
        k = np.zeros(shape, complex)
        size = k[inner].shape
        k[inner] = rng.standard_normal(size) + 1j * rng.standard_normal(size)
        return np.stack([np.roll(k, shift, axis=(0, 1, 2)) for shift in shifts])[None].astype(dtype)

    return build
