"""From a role's files to k-space, by its card: the conventions of the raw arrays die here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from scanmill.arrays import HostArray
from scanmill.data import KSpace
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry
from scanmill.io.card_files import RoleFiles, ordered
from scanmill.io.card_geometry import volume_geometry
from scanmill.io.card_kspace_role import KSpaceRole
from scanmill.io.card_trajectory import read_trajectory
from scanmill.io.complex_samples import complex_samples
from scanmill.io.kspace_facts import KSpaceFacts
from scanmill.io.readout import cropped_fov, middle
from scanmill.io.voxel_limit import check_voxels

GRID, SHOTS = ("frame", "slice", "coil", "z", "y", "x"), ("frame", "slice", "coil", "shot", "sample")
MASK = ("frame", "slice", "z", "y", "x")
IMAGE = ("x", "y", "z")


def read_kspace(role: KSpaceRole, source: RoleFiles) -> KSpace:
    """The k-space of a role; an InputError says what of the card does not fit the files."""
    array = _samples(
        source.stacked(role.array, stack=role.stack), role.axes, _target(role), source.where, "the samples"
    )
    if role.scale != 1.0:
        array = array * np.float32(source.number(role.scale, "scale"))
    grid, recon = _grids(role, source, array.shape)
    noise = None
    if role.noise is not None:
        stored = source.array(role.noise.array)
        noise = _samples(stored, role.noise.axes, ("sample", "coil"), source.where, "the noise")
    if role.trajectory is not None:
        trajectory = read_trajectory(role, source, array.shape, grid)
        return KSpace(array, grid, trajectory, recon=recon, noise=noise)
    mask = _mask(role, source, array.shape)
    if mask is not None:
        array, mask = array * mask[:, :, None], _placed(role, mask, source)
    array = _placed(role, array, source)
    if role.oversampled is not None:
        array, mask = _without_oversampling(role, array, mask)
    return KSpace(array, grid, None, mask, recon, noise)


def kspace_facts(role: KSpaceRole, source: RoleFiles) -> KSpaceFacts:
    """What a cohort tells of it, from headers, trajectory and mask; the samples stay on the disk."""
    info = source.describe(role.array, stack=role.stack)
    like = np.broadcast_to(np.int8(0), info.shape)  # has the shape, not the memory
    shape = _ordered(like, role.axes, _target(role), source.where).shape
    grid, recon = _grids(role, source, shape)
    n_points = math.prod(_matrix(role, shape))
    known: dict[str, Any] = {"n_frames": shape[0], "n_coils": shape[2], "is_3d": _matrix(role, shape)[2] > 1}
    if role.trajectory is None:
        mask = _mask(role, source, shape)
        n_measured = None if mask is None else mask.sum() / math.prod(mask.shape[:2])
        known["acceleration"] = None if n_measured is None else round(n_points / n_measured, 3)
        return KSpaceFacts(grid, recon, trajectory="cartesian", **known)
    read_trajectory(role, source, shape, grid)
    known |= {"n_shots": shape[3], "n_samples": shape[4], "acceleration": round(n_points / (shape[3] * shape[4]), 3)}
    return KSpaceFacts(grid, recon, trajectory="other" if role.trajectory.spokes is None else "radial", **known)


def _target(role: KSpaceRole) -> tuple[str, ...]:
    return GRID if role.trajectory is None else SHOTS


def _samples(stored: HostArray, axes: Sequence[str], target: Sequence[str], where: str, what: str) -> HostArray:
    """The stored samples in our order, complex64; real and imaginary ``part`` joined."""
    if "part" in axes:
        parts = _ordered(stored, axes, target, where, keep_part=True)
        stored, axes = parts[..., 0] + 1j * parts[..., 1], target
    return complex_samples(_ordered(stored, axes, target, where), where, what)


def _ordered(
    stored: HostArray, axes: Sequence[str], target: Sequence[str], where: str, *, keep_part: bool = False
) -> HostArray:
    """The stored array in our order; of an axis ``part`` the first only, unless it is to be kept as the last one."""
    if "part" not in axes:
        return ordered(stored, axes, target, where)
    parts = ordered(stored, axes, (*target, "part"), where)
    if parts.shape[-1] != 2:
        raise InputError("`part` needs a real and an imaginary one", where=where, expected=2, got=parts.shape[-1])
    return parts if keep_part else parts[..., 0]


def _matrix(role: KSpaceRole, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """The encoded matrix (x, y, z), as the card says or as the array has it."""
    if role.matrix is not None:
        return role.matrix
    return shape[-1], shape[-2], shape[-3]


def _grids(role: KSpaceRole, source: RoleFiles, shape: tuple[int, ...]) -> tuple[VolumeGeometry, VolumeGeometry | None]:
    """The grid of the encoded image once the readout's oversampling is removed, and the part to give out."""
    sizes = dict(zip(IMAGE, _matrix(role, shape), strict=True))
    wanted = dict(zip(IMAGE, role.recon or sizes.values(), strict=True))
    too_large = [axis for axis in IMAGE if wanted[axis] > sizes[axis]]
    if too_large:
        raise InputError(f"the card's recon is larger than what is encoded along {too_large[0]}", where=source.where,
                         expected=f"at most {sizes[too_large[0]]}", got=wanted[too_large[0]])  # fmt: skip
    if role.oversampled is not None:
        sizes[role.oversampled] = wanted[role.oversampled]
    check_voxels((*shape[:3], *sizes.values()), where=source.where, bytes_per_voxel=8)
    is_3d = sizes["z"] > 1
    grid = volume_geometry(role, source, (sizes["z"] if is_3d else shape[1], sizes["y"], sizes["x"]))
    nz, ny, nx = grid.shape
    part = grid.crop(middle(nz, wanted["z"] if is_3d else nz), middle(ny, wanted["y"]), middle(nx, wanted["x"]))
    return grid, None if part.shape == grid.shape else part


def _mask(role: KSpaceRole, source: RoleFiles, shape: tuple[int, ...]) -> HostArray | None:
    """Where samples were taken, bool (frame or 1, slice or 1, z, y, x) of the stored sizes."""
    if role.mask is None:
        return None
    stored = ordered(source.array(role.mask.array), role.mask.axes, MASK, source.where) != 0
    full = (*shape[:2], *shape[3:])
    if any(n not in (1, m) for n, m in zip(stored.shape, full, strict=True)):
        raise InputError("the mask does not fit k-space", where=source.where, expected=full, got=stored.shape)
    if not stored.any():
        raise InputError("the mask is empty", where=source.where, got="no point of k-space")
    return np.array(np.broadcast_to(stored, (*stored.shape[:2], *full[2:])))


def _placed(role: KSpaceRole, array: HostArray, source: RoleFiles) -> HostArray:
    """The array (..., z, y, x) in the encoded matrix, its zero frequency at n // 2; what is missing is zero.

    Of an axis that is stored in full, the edge wraps round: there k and k - n are the same frequency.
    """
    for axis, (name, n) in enumerate(zip(reversed(IMAGE), reversed(_matrix(role, array.shape)), strict=True), start=-3):
        stored = array.shape[axis]
        center = stored // 2 if role.center is None else role.center[IMAGE.index(name)]
        start = n // 2 - (stored - 1 - center if f"-{name}" in role.axes else center)
        if stored == n:
            array = np.roll(array, start, axis=axis) if start else array
        elif 0 <= start <= n - stored:
            widths = [(0, 0)] * array.ndim
            widths[axis] = (start, n - stored - start)
            array = np.pad(array, widths)
        else:
            raise InputError(
                f"k-space does not fit the card's matrix along {name}",
                where=source.where,
                expected=f"{n} points around the center",
                got=f"{stored} with center {center}",
            )
    return array


def _without_oversampling(
    role: KSpaceRole, array: HostArray, mask: HostArray | None
) -> tuple[HostArray, HostArray | None]:
    """The readout on its field of view of ``recon``, and of a mask every point that is one of the new ones."""
    at = IMAGE.index(role.oversampled or "x")
    axis, kept = -1 - at, (role.recon or (1, 1, 1))[at]
    n = array.shape[axis]
    cropped = cropped_fov(array, kept, axis)
    if mask is None or kept == n:
        return cropped, mask
    nearest = np.rint((np.arange(kept) - kept // 2) * n / kept).astype(int) + n // 2
    mask = mask.take(np.clip(nearest, 0, n - 1), axis=axis)
    return cropped * mask[:, :, None], mask
