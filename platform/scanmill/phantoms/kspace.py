"""From an analytic object to the k-space that an MR scanner writes: coils, sampling, noise and faults."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from scanmill.arrays import HostArray
from scanmill.data import KSpace
from scanmill.errors import InputError
from scanmill.geometry import Trajectory, VolumeGeometry
from scanmill.phantoms.coil_noise import draw_noise
from scanmill.phantoms.coils import CoilArray
from scanmill.phantoms.fourier_transform import EncodedSpace
from scanmill.phantoms.mr_signal import LinearField, mr_signal
from scanmill.phantoms.phantom import Phantom


def acquire_kspace(
    phantom: Phantom | Sequence[Phantom],
    geometry: VolumeGeometry,
    coils: CoilArray | None = None,
    *,
    trajectory: Trajectory | None = None,
    true_trajectory: Trajectory | None = None,
    sampling_mask: npt.ArrayLike | None = None,
    encodes_z: bool = False,
    shift_mm: npt.ArrayLike | None = None,
    field: LinearField | None = None,
    time_s: npt.ArrayLike | None = None,
    noise_covariance: npt.ArrayLike | None = None,
    n_noise_samples: int = 0,
    recon: VolumeGeometry | None = None,
    seed: int = 0,
) -> KSpace:
    """Scan ``phantom``, one for all frames or a sequence of one a frame, on the grid ``geometry``; complex64.

    Cartesian with ``sampling_mask`` (bool, broadcasting to (frame, slice, z, y, x); None is everything), or along
    ``trajectory``. Slices are planes without thickness, each encoded in two dimensions, unless ``encodes_z`` or a
    trajectory in three says that the grid is one volume. The grid may be oblique and off-centre: k-space has the scale
    and the phase of the centred orthonormal transform, so that the image is the phantom's value at voxel centres, up
    to Gibbs ringing. The exact transform reaches beyond the grid, so nothing here repeats what a reconstruction does.

    Faults: the samples really lie at ``true_trajectory`` (late gradients) while the result tells ``trajectory``;
    ``shift_mm`` moves the object, broadcasting to (frame, slice, the samples' axes, 3) in LPS mm; ``field`` acts for
    ``time_s``, broadcasting to (frame, slice, the samples' axes), where these are (z, y, x) or (shot, sample).
    ``noise_covariance`` (coil, coil) is that of every sample; ``n_noise_samples`` of it alone become ``noise``. Same
    seed, same bytes. ``coils`` are by default one that sees all alike.

    >>> from scanmill.phantoms.shepp_logan import shepp_logan_2d
    >>> scan = acquire_kspace(shepp_logan_2d(), VolumeGeometry.centered((1, 16, 16), (13.0, 13.0, 5.0)))
    >>> scan.array.shape, scan.array.dtype.name
    ((1, 1, 1, 1, 16, 16), 'complex64')
    """
    coils = CoilArray.uniform() if coils is None else coils
    frames = [phantom] if isinstance(phantom, Phantom) else list(phantom)
    mask = None if sampling_mask is None else np.asarray(sampling_mask, dtype=bool)
    n_frames = _n_frames(frames, trajectory, true_trajectory, mask)
    n_dims = trajectory.n_dims if trajectory is not None else 3 if encodes_z else 2
    points = _points(geometry, n_dims, trajectory if true_trajectory is None else true_trajectory)
    full = (n_frames, geometry.shape[0] if n_dims == 2 else 1, *points.shape[2:-1])
    k = np.broadcast_to(points / np.asarray(geometry.extent[:n_dims]), (*full, n_dims))
    taken = np.broadcast_to(True if mask is None else mask, full)
    shift = None if shift_mm is None else np.broadcast_to(np.asarray(shift_mm, dtype=np.float64), (*full, 3))
    time = None if time_s is None else np.broadcast_to(np.asarray(time_s, dtype=np.float64), full)
    array = np.zeros((*full[:2], coils.n_coils, *full[2:]), dtype=np.complex128)
    for at in np.ndindex(full[:2]):
        where = taken[at]
        array[at][:, where] = _scale(geometry, n_dims) * mr_signal(
            frames[at[0] % len(frames)],
            coils,
            k[at][where],
            encoded_space(geometry, n_dims, at[1]),
            shift_mm=None if shift is None else shift[at][where],
            field=field,
            time_s=None if time is None else time[at][where],
        )
    noise = None
    if noise_covariance is not None:
        rng = np.random.default_rng(seed)
        drawn = draw_noise(noise_covariance, math.prod(full), rng).reshape(coils.n_coils, *full)
        array += np.moveaxis(drawn * taken, 0, 2)
        if n_noise_samples:
            noise = np.ascontiguousarray(draw_noise(noise_covariance, n_noise_samples, rng).T, dtype=np.complex64)
    return KSpace(array.astype(np.complex64), geometry, trajectory, mask, recon, noise)


def encoded_space(geometry: VolumeGeometry, n_dims: int, number: int = 0) -> EncodedSpace:
    """What is encoded: the plane of slice ``number``, or for 3 dimensions the space; its origin is voxel N // 2."""
    nz, ny, nx = geometry.shape
    middle = (nx // 2, ny // 2, number if n_dims == 2 else nz // 2)
    return EncodedSpace(np.asarray(geometry.direction)[:, :n_dims], geometry.to_points(middle))


def _scale(geometry: VolumeGeometry, n_dims: int) -> float:
    """From an integral to the orthonormal sum over voxels: 1 / (voxel size √number)."""
    sizes = geometry.shape[::-1][:n_dims]
    return 1 / (math.prod(geometry.spacing[:n_dims]) * math.sqrt(math.prod(sizes)))


def _points(geometry: VolumeGeometry, n_dims: int, trajectory: Trajectory | None) -> HostArray:
    """Where samples lie, in cycles per field of view: (frame or 1, slice or 1, samples' axes, d)."""
    if trajectory is not None:
        return trajectory.points
    nz, ny, nx = geometry.shape
    z, y, x = np.meshgrid(*(np.arange(n) - n // 2 for n in (nz if n_dims == 3 else 1, ny, nx)), indexing="ij")
    return np.stack([x, y, z][:n_dims], axis=-1)[None, None].astype(np.float64)


def _n_frames(
    frames: list[Phantom], trajectory: Trajectory | None, true_trajectory: Trajectory | None, mask: HostArray | None
) -> int:
    """How many frames there are; InputError where phantoms, trajectory and mask disagree."""
    if true_trajectory is not None and (trajectory is None or true_trajectory.shape != trajectory.shape):
        raise InputError("a true trajectory stands for a trajectory of its shape", got=true_trajectory.shape)
    if mask is not None and (trajectory is not None or mask.ndim != 5):
        raise InputError("a sampling mask is for Cartesian k-space", expected="(frame, slice, z, y, x)", got=mask.shape)
    counts = [len(frames), 1 if trajectory is None else trajectory.shape[0], 1 if mask is None else mask.shape[0]]
    if any(n not in (1, max(counts)) for n in counts):
        raise InputError("the frames of phantoms, trajectory and mask differ", got=counts)
    return max(counts)
