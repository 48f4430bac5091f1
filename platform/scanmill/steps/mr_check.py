"""What `mr.reconstruct` refuses before it starts, and what it warns of."""

from __future__ import annotations

from scanmill.data import CoilSensitivities, KSpace
from scanmill.errors import InputError
from scanmill.steps.mr_iterative import BY_SLICE, SENSE
from scanmill.steps.mr_methods import CARTESIAN
from scanmill.steps.mr_params import ReconstructParams

NEEDS_MAPS = (*SENSE, "adaptive")
LINEAR = ("cg-sense", "grappa", "spirit")
UNFOLDS_NOTHING = ("zero-filled", "adaptive", "homodyne", "pocs")


def check(scan: KSpace, maps: CoilSensitivities | None, params: ReconstructParams) -> tuple[str, ...]:
    """Refuse, with InputError, a scan that the method cannot take; what is doubtful comes back as warnings."""
    method = params.method
    if method in CARTESIAN and not scan.is_cartesian:
        raise InputError(
            f"{method} is for samples on a grid", where="scan", got="a trajectory", do="take cg-sense or l1-wavelet"
        )
    if method == "radial-3d" and (scan.trajectory is None or scan.trajectory.n_dims != 3):
        raise InputError("radial-3d is for a trajectory in three dimensions", where="scan", do="take l1-wavelet")
    if method in BY_SLICE and scan.n_frames < 2:
        raise InputError(f"{method} needs several frames", where="scan", expected="2 or more", got=scan.n_frames,
                         do="make frames of the spokes by mr.prepare: shots_per_frame")  # fmt: skip
    _check_maps(scan, maps, params)
    _check_frame(scan, params)
    return (*_acceleration(scan, params),)


def _check_maps(scan: KSpace, maps: CoilSensitivities | None, params: ReconstructParams) -> None:
    if maps is None:
        if params.method in NEEDS_MAPS:
            raise InputError(f"{params.method} needs coil sensitivities", where="sensitivities", got="nothing",
                             do="run mr.calibrate before")  # fmt: skip
        if params.output == "complex" and params.method != "nlinv":
            raise InputError("a root of a sum of squares has no phase", where="sensitivities", got="nothing",
                             do="run mr.calibrate before, or ask for magnitudes")  # fmt: skip
        return
    if maps.n_coils != scan.n_coils:
        raise InputError("they are of other coils than k-space", where="sensitivities", expected=scan.n_coils,
                         got=maps.n_coils, do="calibrate on the same prepared scan")  # fmt: skip
    if not maps.geometry.is_close(scan.geometry, tolerance_mm=min(scan.geometry.spacing) / 100):
        raise InputError("they lie on another grid than k-space", where="sensitivities", expected=scan.geometry.shape,
                         got=maps.geometry.shape)  # fmt: skip


def _check_frame(scan: KSpace, params: ReconstructParams) -> None:
    names = names_of(scan)
    if params.frame is not None and params.frame not in names:
        raise InputError("there is no such frame", where="scan", expected=f"one of: {', '.join(names[:20])}",
                         got=params.frame)  # fmt: skip


def names_of(scan: KSpace) -> tuple[str, ...]:
    """The frames' names, or their numbers."""
    return scan.frame_names or tuple(f"frame {number}" for number in range(scan.n_frames))


def _acceleration(scan: KSpace, params: ReconstructParams) -> list[str]:
    acceleration = scan.acceleration()
    if params.method in LINEAR and acceleration > scan.n_coils:
        return [f"{scan.n_coils} coils cannot tell apart {acceleration:.1f} times too few samples"]
    if params.method in UNFOLDS_NOTHING and scan.is_cartesian and acceleration > 2:
        return [f"{params.method} does not unfold {acceleration:.1f} times too few samples"]
    return []
