"""What an MR scanner measured."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from scanmill.arrays import Array, HostArray, to_host, xp_of
from scanmill.errors import InputError
from scanmill.geometry import Trajectory, VolumeGeometry

CARTESIAN = "(frame, slice, coil, z, y, x)"
NON_CARTESIAN = "(frame, slice, coil, shot, sample)"


@dataclass(frozen=True, eq=False)
class KSpace:
    """Complex samples with the image grid that they encode, and the points of k-space where they were taken.

    Cartesian (``trajectory`` None): ``array`` is (frame, slice, coil, z, y, x), zero frequency at n // 2 of every k
    axis, zeros where nothing was measured; k = F x with the centred orthonormal exp(-2 pi i k r / N). Otherwise it is
    (frame, slice, coil, shot, sample) at ``trajectory``, in the scale of the same F. A frame is a contrast, a phase, an
    echo or a repetition; ``frame_names`` says which.

    ``geometry`` is the grid of the encoded image. Slices encoded one by one stand along its z and the array's own z is
    1; where z is encoded there is one slice. ``sampling_mask`` is bool and broadcasts to (frame, slice, z, y, x); None:
    measured is what is not zero in every coil. ``recon`` is the part of the image to give out, where that is smaller.
    ``noise`` (sample, coil) are samples without signal at the scale of ``array``, for whitening. ``calibration`` are
    reference lines that were measured apart: as ``array`` (frame or 1, slice, coil, z, y, x) on the same field of view,
    perhaps with a smaller matrix.

    >>> k = KSpace(np.ones((1, 2, 4, 1, 8, 8), np.complex64), VolumeGeometry((2, 8, 8)))
    >>> k.n_coils, k.matrix, k.is_cartesian
    (4, (1, 8, 8), True)
    """

    array: Array
    geometry: VolumeGeometry
    trajectory: Trajectory | None = None
    sampling_mask: Array | None = None
    recon: VolumeGeometry | None = None
    noise: Array | None = None
    is_whitened: bool = False
    calibration: Array | None = None
    frame_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.array.dtype.kind != "c":
            raise InputError("k-space must be complex", got=self.array.dtype)
        if self.trajectory is None:
            self._check_cartesian()
        else:
            self._check_trajectory(self.trajectory)
        for name, array, axis in (("noise", self.noise, 1), ("calibration", self.calibration, 2)):
            if array is not None and (array.ndim <= axis or array.shape[axis] != self.n_coils):
                raise InputError(f"the coils of {name} disagree with k-space", expected=self.n_coils, got=array.shape)
        if self.frame_names and len(self.frame_names) != self.n_frames:
            raise InputError("every frame needs a name", expected=self.n_frames, got=len(self.frame_names))

    def _check_cartesian(self) -> None:
        shape = tuple(self.array.shape)
        if len(shape) != 6 or min(shape) < 1:
            raise InputError("k-space needs six axes", expected=CARTESIAN, got=shape)
        slices, (nz, ny, nx) = shape[1], shape[3:]
        if (slices if nz == 1 else nz, ny, nx) != self.geometry.shape or (slices > 1 and nz > 1):
            raise InputError("k-space does not fit its image", expected=self.geometry.shape, got=shape)
        if self.sampling_mask is None:
            return
        full = (*shape[:2], *shape[3:])
        mask = tuple(self.sampling_mask.shape)
        if len(mask) != 5 or any(n not in (1, m) for n, m in zip(mask, full, strict=True)):
            raise InputError("the sampling mask does not broadcast to k-space", expected=full, got=mask)
        if self.sampling_mask.dtype.kind != "b":
            raise InputError("a sampling mask must be bool", got=self.sampling_mask.dtype)
        if not self.sampling_mask.any():
            raise InputError("the sampling mask is empty", got="no True point")

    def _check_trajectory(self, trajectory: Trajectory) -> None:
        shape = tuple(self.array.shape)
        if len(shape) != 5 or min(shape) < 1:
            raise InputError("k-space along a trajectory needs five axes", expected=NON_CARTESIAN, got=shape)
        if self.sampling_mask is not None:
            raise InputError("a sampling mask needs Cartesian k-space", got="a trajectory")
        sampled = (*shape[:2], *shape[3:])
        if any(n not in (1, m) for n, m in zip(trajectory.shape[:2], sampled[:2], strict=True)) or (
            trajectory.shape[2:] != sampled[2:]
        ):
            raise InputError("the trajectory does not fit k-space", expected=sampled, got=trajectory.shape)
        if shape[1] != (self.geometry.shape[0] if trajectory.n_dims == 2 else 1):
            raise InputError(
                "the slices of k-space do not fit its image", expected=self.geometry.shape[0], got=shape[1]
            )
        trajectory.check_inside(self.matrix)

    @property
    def n_frames(self) -> int:
        """How many contrasts, phases, echoes or repetitions."""
        return int(self.array.shape[0])

    @property
    def n_slices(self) -> int:
        """How many slices were encoded one by one; 1 where z is encoded."""
        return int(self.array.shape[1])

    @property
    def n_coils(self) -> int:
        """How many receivers."""
        return int(self.array.shape[2])

    @property
    def is_cartesian(self) -> bool:
        """Whether the samples lie on the grid."""
        return self.trajectory is None

    @property
    def matrix(self) -> tuple[int, int, int]:
        """The encoded image of one slice, (z, y, x)."""
        nz, ny, nx = self.geometry.shape
        is_planar = self.n_slices > 1 or (self.trajectory is not None and self.trajectory.n_dims == 2)
        return (1 if is_planar else nz, ny, nx)

    def sampled(self) -> Array:
        """Where samples were taken, bool (frame, slice, z, y, x), a broadcast view where one mask serves many."""
        xp = xp_of(self.array)
        if self.trajectory is not None:
            raise InputError("samples along a trajectory have no mask", do="use its points")
        if self.sampling_mask is None:
            return (self.array != 0).any(axis=2)
        return xp.broadcast_to(xp.asarray(self.sampling_mask), (*self.array.shape[:2], *self.array.shape[3:]))

    def acceleration(self) -> float:
        """How many times fewer samples than a full grid: of Cartesian, all points over those measured; else the points
        of the image over the samples of a frame's slice."""
        if self.trajectory is None:
            sampled: HostArray = to_host(self.sampled())
            return sampled.size / max(int(np.count_nonzero(sampled)), 1)
        return float(np.prod(self.matrix)) / int(np.prod(self.array.shape[3:]))

    def frames(self, chosen: slice | list[int]) -> KSpace:
        """The chosen frames only."""
        trajectory, mask, calibration = self.trajectory, self.sampling_mask, self.calibration
        if trajectory is not None and trajectory.shape[0] > 1:
            trajectory = Trajectory(trajectory.points[chosen])
        return replace(
            self,
            array=self.array[chosen],
            trajectory=trajectory,
            sampling_mask=mask[chosen] if mask is not None and mask.shape[0] > 1 else mask,
            calibration=calibration[chosen] if calibration is not None and calibration.shape[0] > 1 else calibration,
            frame_names=tuple(np.array(self.frame_names, dtype=object)[chosen]) if self.frame_names else (),
        )
