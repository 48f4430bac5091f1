"""Cartesian k-space out of BART's files, by BART's order of dimensions.

A ``.cfl`` says nothing of voxels or orientation: pixels of 1 mm around the isocentre are assumed, and a data card can
tell better. Of three encoded dimensions of which one is 1, the others are x and y in their order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import numpy as np

from scanmill.arrays import HostArray
from scanmill.data import KSpace
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry
from scanmill.io import cfl
from scanmill.io.complex_samples import complex_samples
from scanmill.io.kspace_facts import KSpaceFacts

NAMES = ("READ", "PHS1", "PHS2", "COIL", "MAPS", "TE", "COEFF", "COEFF2", "ITER", "CSHIFT", "TIME", "TIME2", "LEVEL",
         "SLICE", "AVG", "BATCH")  # fmt: skip
"""BART's dimensions (misc/mri.h)."""
COIL, SLICE, FRAMES = 3, 13, (5, 10, 11)
NO_GEOMETRY = "a .cfl says nothing of voxels and trajectories: 1 mm and a grid are assumed; a data card can tell"


@dataclass(frozen=True, eq=False)
class CflKSpace:
    """One pair of files, opened: sizes read and checked."""

    data: Path = field(repr=False)
    header: Path = field(repr=False)
    sizes: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, int, int, int, int, int]:
        """(frame, slice, coil, z, y, x)."""
        image = [n for n in self.sizes[:3] if n > 1]
        x, y, z = (*image, 1) if len(image) == 2 else self.sizes[:3]
        n_frames = int(np.prod([self.sizes[axis] for axis in FRAMES]))
        return n_frames, self.sizes[SLICE], self.sizes[COIL], z, y, x

    @property
    def geometry(self) -> VolumeGeometry:
        """The grid of the image, of voxels of 1 mm."""
        _, n_slices, _, nz, ny, nx = self.shape
        return VolumeGeometry.centered((n_slices if nz == 1 else nz, ny, nx))

    @property
    def facts(self) -> KSpaceFacts:
        """What a cohort tells of it; the acceleration is that of the first coil of the first slice."""
        n_frames, _, n_coils, nz, _, _ = self.shape
        first = self._array()[0, 0, 0]
        acceleration = round(first.size / max(np.count_nonzero(first), 1), 3)
        return KSpaceFacts(self.geometry, None, n_frames, n_coils, "cartesian", is_3d=nz > 1, acceleration=acceleration)

    def kspace(self) -> KSpace:
        """The k-space as a read-only map of the file: nothing is copied."""
        array = complex_samples(self._array(), self.data.name)
        return KSpace(array, self.geometry, frame_names=self._frame_names())

    def _array(self) -> HostArray:
        """The samples, seen as (frame, slice, coil, z, y, x)."""
        stored = cfl.read(self.data, "", header=self.header).transpose()
        n_frames, n_slices, *rest = self.shape
        return stored.reshape(n_slices, n_frames, *rest).swapaxes(0, 1)

    def _frame_names(self) -> tuple[str, ...]:
        loops = [axis for axis in reversed(FRAMES) if self.sizes[axis] > 1]
        every = product(*(range(self.sizes[axis]) for axis in loops))
        return (
            tuple(", ".join(f"{NAMES[a]} {n}" for a, n in zip(loops, at, strict=True)) for at in every) if loops else ()
        )


def open_cfl(data: Path, header: Path | None = None) -> CflKSpace:
    """Read and check the sizes; InputError for what cannot be Cartesian k-space, by BART's names of dimensions."""
    sizes = cfl.describe(data, "", header).shape
    other = [NAMES[axis] for axis, n in enumerate(sizes) if n > 1 and axis not in (0, 1, 2, COIL, SLICE, *FRAMES)]
    if other:
        raise InputError("not Cartesian k-space", where=data.name, expected=f"{other[0]} of 1", got=sizes)
    if sizes[SLICE] > 1 and min(sizes[:3]) > 1:
        raise InputError("several slabs of 3D encoding", where=data.name, got=sizes, do="split them by SLICE")
    return CflKSpace(data, header or cfl.beside(data), sizes)
