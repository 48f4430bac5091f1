"""BART (Uecker et al., the Debian package ``bart``) as the peer of the MRI reconstructions.

An array (..., z, y, x) in memory order is a file of BART's with its axes reversed: (coil, z, y, x) is a k-space,
(set, coil, z, y, x) maps, (coil, spoke, sample, 1) radial k-space with (spoke, sample, 3) for its trajectory.
"""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest


class Bart:
    """Runs BART on arrays, by way of a folder."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("bart") is None:
            pytest.skip("BART is not installed: apt install bart")
        self.folder = folder

    def write(self, **arrays: np.ndarray) -> None:
        """Arrays as files of their names."""
        for name, array in arrays.items():
            sizes = " ".join(map(str, reversed(array.shape)))
            (self.folder / f"{name}.hdr").write_text(f"# Dimensions\n{sizes}\n")
            np.ascontiguousarray(array, dtype=np.complex64).tofile(self.folder / f"{name}.cfl")

    def read(self, name: str) -> np.ndarray:
        """The array of a file, without its leading axes of one."""
        sizes = [int(n) for n in (self.folder / f"{name}.hdr").read_text().splitlines()[1].split()]
        array = np.fromfile(self.folder / f"{name}.cfl", np.complex64).reshape(sizes[::-1])
        return array[(0,) * next((i for i, n in enumerate(array.shape) if n > 1), array.ndim - 1)]

    def __call__(self, *words: object) -> str:
        """``bart`` with these words, in one thread: where cores are shared its threads wait for each other. What it
        said."""
        alone = os.environ | {"OMP_NUM_THREADS": "1"}
        told = subprocess.run(
            ["bart", *map(str, words)], cwd=self.folder, env=alone, check=True, capture_output=True, text=True
        )
        return told.stdout
