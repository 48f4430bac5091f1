"""Where the readouts of a measurement belong: slices by position, loops to frames, counters to lines of the grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry
from scanmill.io.ismrmrd_header import Encoding
from scanmill.io.ismrmrd_lines import Lines

FRAME_LOOPS = ("contrast", "phase", "repetition", "set")
"""The loops that become frames."""
POSITION_TOLERANCE_MM = 0.05
"""How far positions may stray from a straight and regular stack (float32 headers, vendors' rounding)."""
DIRECTION_TOLERANCE = 1e-3


@dataclass(frozen=True, eq=False)
class Frames:
    """The combinations (frame, loop) of the loops' counters that were measured, and their names."""

    keys: HostArray
    names: tuple[str, ...]

    @classmethod
    def of(cls, lines: Lines, rows: HostArray) -> Frames:
        """The frames of the chosen readouts, in the order of their counters."""
        keys = np.unique(np.stack([lines.counter(loop)[rows] for loop in FRAME_LOOPS], axis=-1), axis=0)
        loops = [n for n in range(len(FRAME_LOOPS)) if len(np.unique(keys[:, n])) > 1]
        names = [", ".join(f"{FRAME_LOOPS[n]} {int(key[n])}" for n in loops) for key in keys]
        return cls(keys, tuple(names) if len(names) > 1 else ())

    def index(self, lines: Lines, rows: HostArray) -> HostArray:
        """The frame of each of the readouts."""
        keys = np.stack([lines.counter(loop)[rows] for loop in FRAME_LOOPS], axis=-1)
        places = {tuple(key): number for number, key in enumerate(self.keys.tolist())}
        return np.array([places[tuple(key)] for key in keys.tolist()], dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Stack:
    """The slices of a measurement in the order of their positions along ``slice_dir``: their counters, the position of
    the first in mm, the axes (columns: read, phase, slice) and the distance of neighbours in mm (0 of a single one)."""

    counters: HostArray
    position: HostArray
    axes: HostArray
    distance: float
    is_oriented: bool
    has_moved: bool

    @classmethod
    def of(cls, lines: Lines, rows: HostArray, where: str) -> Stack:
        """The stack of the chosen readouts; InputError where their slices do not form a regular one."""
        numbers, first = np.unique(lines.counter("slice")[rows], return_index=True)
        axes, is_oriented = _axes(lines, rows, where)
        positions = np.asarray(lines.heads["position"][rows], dtype=np.float64)
        along = positions[first] @ axes[:, 2]
        order = np.argsort(along, kind="stable")
        at = dict(zip(numbers.tolist(), positions[first], strict=True))
        own = np.array([at[number] for number in lines.counter("slice")[rows].tolist()])
        has_moved = bool(np.abs(positions - own).max() > POSITION_TOLERANCE_MM)
        distance = _distance(positions[first][order], axes[:, 2], where) if is_oriented else 0.0
        return cls(numbers[order], positions[first][order[0]], axes, distance, is_oriented, has_moved)

    def index(self, lines: Lines, rows: HostArray) -> HostArray:
        """The place of each readout's slice in the stack; InputError for a slice that is not in it."""
        numbers = lines.counter("slice")[rows]
        order = np.argsort(self.counters)
        at = np.searchsorted(self.counters, numbers, sorter=order)
        places = order[np.minimum(at, len(order) - 1)]
        if (self.counters[places] != numbers).any():
            raise InputError("a calibration line lies in a slice without an image", got=int(numbers.max()))
        return np.asarray(places)

    def geometry(self, matrix: tuple[int, int, int], encoding: Encoding) -> VolumeGeometry:
        """The grid of ``matrix`` (x, y, z) pixels of the encoded size, whose pixel n // 2 of every encoded axis lies at
        the acquisitions' position."""
        nx, ny, nz = matrix
        x, y, z = encoding.encoded.spacing
        z = self.distance or z
        zero = self.axes @ (np.array([nx // 2, ny // 2, nz // 2]) * (x, y, z))
        shape = (len(self.counters) if nz == 1 else nz, ny, nx)
        return VolumeGeometry(shape, (x, y, z), tuple(self.position - zero), tuple(map(tuple, self.axes)))  # type: ignore[arg-type]


def _axes(lines: Lines, rows: HostArray, where: str) -> tuple[HostArray, bool]:
    """The directions of readout, phase and slice as columns; unrotated where the headers have none."""
    every = np.stack([lines.heads[name][rows] for name in ("read_dir", "phase_dir", "slice_dir")], axis=-1)
    every = every.astype(np.float64)
    if not (np.isfinite(every).all() and np.isfinite(lines.heads["position"][rows]).all()):
        raise InputError("positions and directions must be finite", where=where, expected="no NaN or Inf")
    if not every.any():
        return np.eye(3), False
    if np.abs(every - every[0]).max() > DIRECTION_TOLERANCE:
        raise InputError("the slices have different orientations", where=where, do="split the measurement by slices")
    if not np.allclose(every[0].T @ every[0], np.eye(3), atol=DIRECTION_TOLERANCE):
        raise InputError(
            "read_dir, phase_dir and slice_dir are not at right angles", where=where, got=every[0].T.round(4).tolist()
        )
    u, _, vt = np.linalg.svd(every[0])
    return u @ vt, True


def _distance(positions: HostArray, normal: HostArray, where: str) -> float:
    """The distance of neighbouring slices; 0 for one slice."""
    if len(positions) == 1:
        return 0.0
    steps = np.diff(positions, axis=0)
    mean = float((steps @ normal).mean())
    if np.abs(steps - mean * normal).max() > POSITION_TOLERANCE_MM or mean < POSITION_TOLERANCE_MM:
        raise InputError(
            "the slices do not form a regular stack",
            where=where,
            expected="equal steps along slice_dir",
            got=f"steps of {sorted({round(float(s), 2) for s in steps @ normal})} mm",
        )
    return mean


def grid_lines(lines: Lines, rows: HostArray, encoding: Encoding, where: str) -> tuple[HostArray, HostArray]:
    """The line z and y of the encoded grid of each readout: its counters around the center of the encoding limits."""
    _, ny, nz = encoding.encoded.matrix
    places = []
    for step, n in ((2, nz), (1, ny)):
        counter = lines.counter(f"kspace_encode_step_{step}")[rows]
        place = counter - encoding.centers.get(f"kspace_encoding_step_{step}", n // 2) + n // 2
        if place.min() < 0 or place.max() >= n:
            raise InputError(
                "the acquisitions do not fit the encoded matrix of the header",
                where=where,
                expected=f"{n} lines around the center",
                got=f"kspace_encode_step_{step} from {int(counter.min())} to {int(counter.max())}",
            )
        places.append(place)
    return places[0], places[1]
