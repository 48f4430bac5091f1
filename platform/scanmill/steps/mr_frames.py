"""Which frames of k-space are reconstructed, and how shots are made into frames or frames into one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from scanmill.arrays import HostArray, xp_of
from scanmill.data import KSpace
from scanmill.errors import InputError
from scanmill.geometry import Trajectory
from scanmill.steps.mr_check import names_of


def chosen_frames(scan: KSpace, names: Sequence[str]) -> KSpace:
    """The frames of these names, in this order; InputError lists what there is."""
    there = names_of(scan)
    missing = [name for name in names if name not in there]
    if missing:
        raise InputError("there is no such frame", where="scan", expected=f"one of: {', '.join(there[:20])}",
                         got=", ".join(missing))  # fmt: skip
    return replace(scan.frames([there.index(name) for name in names]), frame_names=tuple(names))


def average(scan: KSpace) -> KSpace:
    """One frame: of every sample the mean over the frames that measured it. Frames share their trajectory."""
    xp = xp_of(scan.array)
    if scan.trajectory is not None:
        if scan.trajectory.shape[0] > 1 and np.ptp(scan.trajectory.points, axis=0).max() > 1e-6:
            raise InputError("frames along different trajectories have no average", where="scan", do="combine: join")
        points = Trajectory(scan.trajectory.points[:1])
        return replace(scan, array=scan.array.mean(axis=0, keepdims=True), trajectory=points, frame_names=())
    sampled = scan.sampled()
    n_times = sampled.sum(axis=0, keepdims=True)
    mean = scan.array.sum(axis=0, keepdims=True) / xp.maximum(n_times, 1)[:, :, None].astype(np.float32)
    calibration = None if scan.calibration is None else scan.calibration.mean(axis=0, keepdims=True)
    return replace(scan, array=mean, sampling_mask=n_times > 0, calibration=calibration, frame_names=())


def join(scan: KSpace) -> KSpace:
    """One frame with the shots of all frames, along a trajectory."""
    trajectory = _trajectory(scan, "join")
    n_frames, n_slices, n_coils, n_shots, n_samples = scan.array.shape
    array = xp_of(scan.array).moveaxis(scan.array, 0, 2).reshape(1, n_slices, n_coils, n_frames * n_shots, n_samples)
    points = np.broadcast_to(trajectory.points, (n_frames, *trajectory.points.shape[1:]))
    points = np.moveaxis(points, 0, 1).reshape(1, points.shape[1], n_frames * n_shots, n_samples, -1)
    return replace(scan, array=array, trajectory=Trajectory(points), frame_names=())


def split(scan: KSpace, shots_per_frame: int) -> KSpace:
    """Frames of so many shots that follow one another; what is left of the last shots is left out."""
    trajectory = _trajectory(scan, "shots_per_frame")
    n = scan.array.shape[3] // shots_per_frame
    if scan.n_frames > 1 or n < 1:
        raise InputError("one frame with shots enough is wanted", where="scan",
                         expected=f"1 frame, {shots_per_frame} shots or more",
                         got=(scan.n_frames, scan.array.shape[3]))  # fmt: skip
    return by_shots(scan, trajectory, np.arange(n * shots_per_frame).reshape(n, shots_per_frame), "shots")


def by_shots(scan: KSpace, trajectory: Trajectory, shots: HostArray, name: str) -> KSpace:
    """Frames of one frame's shots, by their numbers (frame, shot)."""
    xp = xp_of(scan.array)
    array = xp.stack([scan.array[0][:, :, xp.asarray(chosen)] for chosen in shots])
    points = np.stack([trajectory.points[0][:, chosen] for chosen in shots])
    names = tuple(f"{name} {number}" for number in range(len(shots)))
    return replace(scan, array=array, trajectory=Trajectory(points), frame_names=names)


def respiratory(scan: KSpace, n_bins: int, shots_per_navigator: int, interval_s: float | None) -> KSpace:
    """A frame for each of ``n_bins`` positions of the body, with as many shots each, from the navigator that is the
    first of every ``shots_per_navigator``; see `respiratory_signal` and `respiratory_bins`."""
    from scanmill.algorithms.reconstruction.mr.respiratory_binning import respiratory_bins, respiratory_signal

    trajectory = _trajectory(scan, "respiratory_bins")
    if scan.n_frames > 1 or scan.n_slices > 1:
        raise InputError("respiratory bins are made of one frame of one volume", where="scan",
                         got=(scan.n_frames, scan.n_slices))  # fmt: skip
    n_shots = scan.array.shape[3]
    navigators = xp_of(scan.array).moveaxis(scan.array[0, 0][:, ::shots_per_navigator], 0, 1)
    bins = respiratory_bins(respiratory_signal(navigators, interval_s=interval_s), n_bins, by="count")
    of_shot = np.repeat(bins, shots_per_navigator)[:n_shots]
    groups = [np.flatnonzero(of_shot == number) for number in range(n_bins)]
    n_each = min(len(group) for group in groups)
    return by_shots(scan, trajectory, np.stack([group[:n_each] for group in groups]), "bin")


def _trajectory(scan: KSpace, what: str) -> Trajectory:
    if scan.trajectory is None:
        raise InputError(f"{what} is for shots along a trajectory", where="scan", got="samples on a grid")
    return scan.trajectory
