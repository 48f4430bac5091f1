"""What the MRI benchmark reconstructs, exact k-space of the head of Shepp and Logan under loops, and how it judges."""

from dataclasses import dataclass

import numpy as np

from scanmill.data import CoilSensitivities, KSpace
from scanmill.geometry import Trajectory, VolumeGeometry
from scanmill.phantoms import shepp_logan_2d, shepp_logan_3d
from scanmill.phantoms.coils import CoilArray
from scanmill.phantoms.kspace import acquire_kspace
from scanmill.phantoms.sampling_masks import regular

SIGMA = 0.01
"""Deviation of the noise of a sample, in units of the skull's value."""
HEAD = 0.45
"""The table's length 1 of the head, in fields of view."""


@dataclass(frozen=True)
class Scene:
    """K-space, the true sensitivities, and the head's values (slice or 1, 1, z, y, x) at the voxels."""

    title: str
    scan: KSpace
    maps: CoilSensitivities
    truth: np.ndarray

    @property
    def y(self):
        """(slice, coil, ...), as solvers take it."""
        return self.scan.array[0]

    @property
    def points(self):
        """(shot, sample, d) in cycles per field of view."""
        return self.scan.trajectory.points[0, 0]

    @property
    def sensitivities(self):
        """(slice or 1, set, coil, z, y, x)."""
        return self.maps.array


def radial(quick=False):
    """One slice along spokes: 256², 8 coils, 402 spokes of 512."""
    n, n_coils, n_spokes = (48, 4, 75) if quick else (256, 8, 402)
    grid, trajectory = VolumeGeometry.centered((1, n, n)), Trajectory.radial(n_spokes, 2 * n, matrix=n)
    title = f"radial {n}², {n_coils} coils, {n_spokes} spokes of {2 * n}"
    return _scene(title, shepp_logan_2d(HEAD * n, unit=1.0), grid, n_coils, trajectory=trajectory)


def cartesian(quick=False):
    """A stack of slices, every fourth line and 24 in the middle: 320², 16 coils, 15 slices."""
    n, n_coils, n_slices = (48, 4, 3) if quick else (320, 16, 15)
    grid = VolumeGeometry.centered((n_slices, n, n), (1.0, 1.0, 0.8 * n / n_slices))
    mask = regular(n, 4, n_calibration=24)[None, None, None, :, None]
    title = f"Cartesian {n}², {n_coils} coils, {n_slices} slices, every fourth line"
    return _scene(title, shepp_logan_3d(HEAD * n, unit=1.0), grid, n_coils, sampling_mask=mask)


def radial_3d(quick=False):
    """A ball of spokes: 96³, 4 coils, 8,000 spokes of 256."""
    n, n_coils, n_spokes, n_samples = (16, 2, 400, 32) if quick else (96, 4, 8000, 256)
    grid = VolumeGeometry.centered((n, n, n))
    trajectory = Trajectory.radial_3d(n_spokes, n_samples, matrix=n)
    title = f"3D radial {n}³, {n_coils} coils, {n_spokes} spokes of {n_samples}"
    return _scene(title, shepp_logan_3d(HEAD * n, unit=1.0), grid, n_coils, n_waves=1, trajectory=trajectory)


def full(quick=False):
    """One slice sampled in full, for its middle: 256², 8 coils."""
    n, n_coils = (48, 4) if quick else (256, 8)
    title = f"{n}², {n_coils} coils, middle of 24²"
    return _scene(title, shepp_logan_2d(HEAD * n, unit=1.0), VolumeGeometry.centered((1, n, n)), n_coils)


def _scene(title, phantom, grid, n_coils, n_waves=2, **sampling):
    coils = CoilArray.loops(n_coils, body_mm=HEAD * grid.shape[-1], n_waves=n_waves)
    noise = SIGMA**2 * np.eye(n_coils)
    scan = acquire_kspace(phantom, grid, coils, noise_covariance=noise, **sampling)
    volume = scan.trajectory is not None and scan.trajectory.n_dims == 3
    maps, truth = coils.values(grid.voxel_points()), phantom.voxels(grid, supersampling=4).array
    if volume:
        maps, truth = maps[None], truth[None, None]
    else:
        maps, truth = maps.swapaxes(0, 1)[:, :, None], truth[:, None, None]
    return Scene(title, scan, CoilSensitivities(maps[:, None].astype(np.complex64), grid), truth)


def complex_relative(found, reference):
    """‖x - r‖ / ‖r‖ in double precision."""
    x, r = (a.astype(np.complex128) for a in (found, reference))
    return float(np.linalg.norm(x - r) / np.linalg.norm(r))


def fitted(found, reference):
    """‖a x - r‖ / ‖r‖ with the complex number a that brings them nearest: tools may differ by a scale."""
    x = found.astype(np.complex128)
    return complex_relative(x * (np.vdot(x, reference) / np.vdot(x, x)), reference)


def less_alike(maps, reference):
    """1 - |⟨a, b⟩| of two sets of maps (coil, z, y, x), in the mean over the voxels where both are."""
    both = abs(maps).any(axis=0) & abs(reference).any(axis=0)
    unit = [m[:, both] / np.linalg.norm(m[:, both], axis=0) for m in (maps, reference)]
    return 1 - float(abs((unit[0].conj() * unit[1]).sum(axis=0)).mean())
