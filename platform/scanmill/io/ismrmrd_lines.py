"""The readouts of an ISMRMRD measurement: their headers in memory, their samples still on the disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.io import hdf5
from scanmill.io.complex_samples import is_sound

NOISE, CALIBRATION, CALIBRATION_AND_IMAGING, REVERSE, PHASECORR = 19, 20, 21, 22, 24
OTHER = (23, 26, 27, 28, 29, 30, 31)
"""Navigation, feedback, dummy, surface coil correction and phase stabilisation: no image data."""
HEAD = {
    "flags": (), "number_of_samples": (), "active_channels": (), "discard_pre": (), "discard_post": (),
    "center_sample": (), "encoding_space_ref": (), "trajectory_dimensions": (), "sample_time_us": (),
    "position": (3,), "read_dir": (3,), "phase_dir": (3,), "slice_dir": (3,), "idx": (),
}  # fmt: skip
"""The fields of a readout's header that are read, and their shapes."""
COUNTERS = (
    "kspace_encode_step_1",
    "kspace_encode_step_2",
    "average",
    "slice",
    "contrast",
    "phase",
    "repetition",
    "set",
)
BLOCK_BYTES, BLOCK_LINES = 32 * 2**20, 4096
"""How much is read at once."""


@dataclass(frozen=True, eq=False)
class Lines:
    """The readouts of one measurement: ``heads`` is the structured array of their headers, in order of acquisition."""

    path: Path = field(repr=False)
    inside: tuple[str, str]
    heads: HostArray = field(repr=False)

    @classmethod
    def open(cls, path: Path, measurement: str) -> Lines:
        """Read the headers only; InputError where the table is not one of acquisitions, or claims too much."""
        inside = (measurement, "data")
        with hdf5.open_dataset(path, inside) as dataset:
            _check_table(dataset, path)
            heads = dataset.fields("head")[()]
        claimed = int((heads["number_of_samples"].astype(np.int64) * heads["active_channels"]).sum()) * 8
        size = path.stat().st_size
        if claimed > size:
            raise InputError("the file is truncated", where=path.name, expected=f"{claimed} bytes of samples", got=size)
        return cls(path, inside, heads)

    def has(self, flag: int) -> HostArray:
        """Which readouts have a flag (ISMRMRD_ACQ_* of ismrmrd.h)."""
        flags = self.heads["flags"].astype(np.uint64)
        return np.asarray((flags >> np.uint64(flag - 1)) & np.uint64(1) == 1)

    def counter(self, name: str) -> HostArray:
        """An encoding counter of every readout, int64."""
        return np.asarray(self.heads["idx"][name], dtype=np.int64)

    @cached_property
    def noise(self) -> HostArray:
        """Which readouts are noise."""
        return self.has(NOISE)

    @cached_property
    def navigators(self) -> HostArray:
        """Which readouts are navigators of the phase of EPI."""
        return self.has(PHASECORR) & ~self._other & ~self.noise

    @cached_property
    def references(self) -> HostArray:
        """Which readouts are for parallel calibration only."""
        return (
            self.has(CALIBRATION) & ~self.has(CALIBRATION_AND_IMAGING) & ~self._other & ~self.noise & ~self.navigators
        )

    @cached_property
    def imaging(self) -> HostArray:
        """Which readouts belong to the image."""
        return np.asarray(~(self._other | self.noise | self.navigators | self.references))

    @cached_property
    def _other(self) -> HostArray:
        return np.asarray(np.any([self.has(flag) for flag in OTHER], axis=0))

    def of_encoding(self, number: int) -> HostArray:
        """Which readouts belong to an encoding of the header."""
        return np.asarray(self.heads["encoding_space_ref"] == number)

    def blocks(self, rows: HostArray) -> Iterator[tuple[HostArray, HostArray]]:
        """Row numbers and their samples (line, coil, sample) complex64, for the chosen rows in order; all lines of a
        block have the same layout, and what is to be discarded is."""
        for chosen, data, head in self._read(rows, "data"):
            shape = (int(head["active_channels"]), int(head["number_of_samples"]))
            yield chosen, _complex(data, chosen, shape, self.path)[..., self._kept(head)]

    def trajectories(self, rows: HostArray) -> Iterator[tuple[HostArray, HostArray]]:
        """Row numbers and their stored trajectories (line, sample, d) float32."""
        for chosen, data, head in self._read(rows, "traj"):
            shape = (int(head["number_of_samples"]), int(head["trajectory_dimensions"]))
            points = _flat(data, chosen, shape[0] * shape[1], self.path).reshape(-1, *shape)
            yield chosen, points[:, self._kept(head)]

    def _kept(self, head: Any) -> slice:
        """The samples of a line that are not to be discarded."""
        first, last = int(head["discard_pre"]), int(head["number_of_samples"]) - int(head["discard_post"])
        if first >= last or head["active_channels"] < 1:
            raise InputError("an acquisition has no samples", where=self.path.name, got=f"{first} to {last}")
        return slice(first, last)

    def _read(self, rows: HostArray, name: str) -> Iterator[tuple[HostArray, Any, Any]]:
        for chosen in self._runs(rows):
            first, last = int(chosen[0]), int(chosen[-1])
            with hdf5.open_dataset(self.path, self.inside) as dataset:
                data = dataset.fields(name)[first : last + 1][chosen - first]
            yield chosen, data, self.heads[first]

    def _runs(self, rows: HostArray) -> Iterator[HostArray]:
        """The rows in runs of one layout that are small enough to be read at once."""
        layout = ("active_channels", "number_of_samples", "discard_pre", "discard_post", "trajectory_dimensions")
        heads = self.heads[rows]
        changes = np.zeros(len(rows), dtype=bool)
        for name in layout:
            changes[1:] |= heads[name][1:] != heads[name][:-1]
        for run in np.split(rows, np.flatnonzero(changes)):
            if len(run):
                size = 8 * int(self.heads["active_channels"][run[0]]) * int(self.heads["number_of_samples"][run[0]])
                step = int(np.clip(BLOCK_BYTES // max(size, 1), 1, BLOCK_LINES))
                yield from (run[at : at + step] for at in range(0, len(run), step))


def _check_table(dataset: Any, path: Path) -> None:
    names = dataset.dtype.names or ()
    if dataset.ndim != 1 or dataset.shape[0] < 1 or not {"head", "data", "traj"} <= set(names):
        raise InputError("the measurement holds no acquisitions", where=path.name, got=f"{dataset.shape} of {names}")
    head = dataset.dtype["head"]
    wrong = [name for name, shape in HEAD.items() if name not in (head.names or ()) or head[name].shape != shape]
    wrong += [name for name in COUNTERS if not wrong and name not in (head["idx"].names or ())]
    if wrong:
        raise InputError("the headers of the acquisitions are not ISMRMRD's", where=path.name, expected=wrong[0])


def _complex(data: Any, rows: HostArray, shape: tuple[int, int], path: Path) -> HostArray:
    samples = _flat(data, rows, 2 * shape[0] * shape[1], path).view(np.complex64).reshape(-1, *shape)
    for row, line in zip(rows, samples, strict=True) if not is_sound(samples) else ():
        if not is_sound(line):
            got = f"some in acquisition {int(row)}"
            raise InputError("samples must be finite", where=path.name, expected="no NaN or Inf", got=got)
    return samples


def _flat(data: Any, rows: HostArray, n_numbers: int, path: Path) -> HostArray:
    """The variable-length numbers of some rows, end to end."""
    for row, numbers in zip(rows, data, strict=True):
        if len(numbers) != n_numbers:
            raise InputError(
                f"acquisition {int(row)} does not hold what its header says",
                where=path.name,
                expected=f"{n_numbers} numbers",
                got=len(numbers),
            )
    return np.concatenate(data, dtype=np.float32) if n_numbers else np.zeros(0, np.float32)
