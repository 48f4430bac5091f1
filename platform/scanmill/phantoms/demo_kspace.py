"""Made k-space for the demo: on a grid, along spokes and spirals, in full and too few, of eight coils with noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scanmill.arrays import HostArray
from scanmill.data import KSpace
from scanmill.geometry import Trajectory, VolumeGeometry
from scanmill.phantoms.coil_noise import random_covariance
from scanmill.phantoms.coils import CoilArray
from scanmill.phantoms.kspace import acquire_kspace
from scanmill.phantoms.phantom import Phantom
from scanmill.phantoms.random_phantom import random_phantom
from scanmill.phantoms.sampling_masks import regular
from scanmill.phantoms.shepp_logan import shepp_logan_2d

MATRIX, SPACING_MM, SLICE_MM = 96, 2.4, 5.0
N_COILS, BODY_MM = 8, 105.0
SIGMA = 2e-4
"""Noise of a sample, about 1 % of the brightest voxel."""
N_NOISE = 2048
SHOTS = {"radial-full": 151, "radial-sparse": 34, "spiral-full": 16, "spiral-sparse": 6}
SAMPLES = {"radial": 192, "spiral": 768}


@dataclass(frozen=True)
class DemoKSpace:
    """One scan of the demo: what is scanned, and how. ``scheme`` is cartesian, radial or spiral."""

    name: str
    scheme: str
    phantom: Phantom
    trajectory: Trajectory | None
    sampling_mask: HostArray | None


def write_demo_kspace(folder: Path, *, seed: int = 0) -> list[Path]:
    """Write six scans; the cards ``phantom_cartesian`` and ``phantom_trajectory`` read them.

    Each ``{scheme}-{sampling}-{number}.npz`` holds samples (slice, coil, ...), noise (coil, sample) and the mask (y) or
    the points (shot, sample, coordinate) in cycles per field of view; ``reference/`` holds what the coils together see
    of the object. Equal seeds give equal arrays.
    """
    (folder / "reference").mkdir(parents=True, exist_ok=True)
    coils = CoilArray.loops(N_COILS, body_mm=BODY_MM)
    covariance = random_covariance(N_COILS, seed=seed, sigma=SIGMA)
    return [_write(folder, demo, coils, covariance, seed + n) for n, demo in enumerate(demo_kspace(seed))]


def demo_kspace(seed: int = 0) -> Iterator[DemoKSpace]:
    """The scans in the order of their names' numbers."""
    objects = [shepp_logan_2d(), random_phantom(seed + 4, flat=True)]
    for number, scheme in enumerate(("cartesian", "radial", "spiral")):
        for offset, sampling in enumerate(("full", "sparse")):
            name = f"{scheme}-{sampling}"
            yield DemoKSpace(
                f"{name}-{2 * number + offset}",
                scheme,
                objects[offset],
                _trajectory(name),
                regular(MATRIX, 3, n_calibration=20) if name == "cartesian-sparse" else None,
            )


def grid() -> VolumeGeometry:
    """One slice."""
    return VolumeGeometry.centered((1, MATRIX, MATRIX), (SPACING_MM, SPACING_MM, SLICE_MM))


def _trajectory(name: str) -> Trajectory | None:
    scheme = name.split("-")[0]
    if scheme == "radial":
        return Trajectory.golden_angle(SHOTS[name], SAMPLES[scheme], matrix=MATRIX)
    if scheme == "spiral":
        return Trajectory.spiral(SHOTS[name], SAMPLES[scheme], matrix=MATRIX)
    return None


def _write(folder: Path, demo: DemoKSpace, coils: CoilArray, covariance: HostArray, seed: int) -> Path:
    mask = None if demo.sampling_mask is None else demo.sampling_mask[None, None, None, :, None]
    raw = acquire_kspace(
        demo.phantom, grid(), coils, trajectory=demo.trajectory, sampling_mask=mask, noise_covariance=covariance,
        n_noise_samples=N_NOISE, seed=seed,
    )  # fmt: skip
    path = folder / f"{demo.name}.npz"
    np.savez(path, allow_pickle=False, **_arrays(raw, demo))
    seen = np.sqrt((np.abs(coils.values(grid().voxel_points())) ** 2).sum(axis=0))
    image = demo.phantom.voxels(grid(), supersampling=2).array * seen
    np.savez(folder / "reference" / path.name, image=image.astype(np.float32), spacing_mm=np.asarray(grid().spacing))
    return path


def _arrays(raw: KSpace, demo: DemoKSpace) -> dict[str, HostArray]:
    assert raw.noise is not None
    known = {"noise": raw.noise.T, "spacing_mm": np.asarray(raw.geometry.spacing)}
    if raw.trajectory is not None:
        return {"samples": raw.array[0], "points": raw.trajectory.points[0, 0], **known}
    mask = np.ones(MATRIX, dtype=bool) if demo.sampling_mask is None else demo.sampling_mask
    return {"samples": raw.array[0, :, :, 0], "mask": mask, **known}
