"""One encoding of an ISMRMRD measurement: its headers checked, its k-space read on demand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from scanmill.arrays import HostArray
from scanmill.data import KSpace
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry
from scanmill.io.ismrmrd_cartesian import Places, cropped_references, gather
from scanmill.io.ismrmrd_header import Encoding, IsmrmrdHeader
from scanmill.io.ismrmrd_lines import REVERSE, Lines
from scanmill.io.ismrmrd_order import Frames, Stack
from scanmill.io.ismrmrd_shots import gather_shots
from scanmill.io.kspace_facts import KSpaceFacts
from scanmill.io.readout import middle

CARTESIAN = ("cartesian", "epi")
PLACE = ("kspace_encode_step_1", "kspace_encode_step_2", "slice", "contrast", "phase", "repetition", "set")
"""The counters that tell where a readout belongs."""


@dataclass(frozen=True, eq=False)
class IsmrmrdScan:
    """One encoding of one measurement, opened: headers read and checked, samples not yet."""

    header: IsmrmrdHeader
    lines: Lines
    number: int

    @cached_property
    def encoding(self) -> Encoding:
        """What was encoded."""
        return self.header.encodings[self.number]

    @cached_property
    def rows(self) -> HostArray:
        """The readouts of the image; those for calibration too, where the header says that they are embedded."""
        chosen = self.lines.imaging
        if self.encoding.calibration in ("embedded", "interleaved"):
            chosen = chosen | self.lines.references
        return np.flatnonzero(chosen & self.lines.of_encoding(self.number))

    @cached_property
    def frames(self) -> Frames:
        """The frames of the measurement."""
        return Frames.of(self.lines, self.rows)

    @cached_property
    def stack(self) -> Stack:
        """Its slices."""
        return Stack.of(self.lines, self.rows, self.lines.path.name)

    @property
    def is_cartesian(self) -> bool:
        """Whether the samples lie on a grid."""
        return self.encoding.trajectory in CARTESIAN

    @cached_property
    def geometry(self) -> VolumeGeometry:
        """The grid of the encoded image; of Cartesian scans without the readout's oversampling."""
        nx, ny, nz = self.encoding.encoded.matrix
        return self.stack.geometry((self.encoding.kept[0] if self.is_cartesian else nx, ny, nz), self.encoding)

    @cached_property
    def recon(self) -> VolumeGeometry | None:
        """The part of it that the header's reconSpace asks for, or None where that is all."""
        nz, ny, nx = self.geometry.shape
        x, y, z = self.encoding.kept
        is_3d = self.encoding.encoded.matrix[2] > 1
        grid = self.geometry.crop(middle(nz, z if is_3d else nz), middle(ny, y), middle(nx, min(nx, x)))
        return None if grid.shape == self.geometry.shape else grid

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What is doubtful about the scan."""
        found = {
            "the acquisitions have no directions; the image is taken as unrotated": not self.stack.is_oriented,
            "positions change during the scan; those of the first readouts are kept": self.stack.has_moved,
            "reversed lines without navigators; their phase is not corrected": self._lacks_navigators(),
        }
        return tuple(text for text, holds in found.items() if holds)

    def _lacks_navigators(self) -> bool:
        return bool(self.lines.has(REVERSE)[self.rows].any()) and not self.lines.navigators.any()

    def kspace(self, *, trajectory_unit: str | None = None) -> KSpace:
        """The k-space, read now. ``trajectory_unit`` where it cannot be told from the size of the points."""
        places = self._places(self.rows)
        known: dict[str, Any] = {"recon": self.recon, "noise": self._noise(), "frame_names": self.frames.names}
        if not self.is_cartesian:
            array, trajectory = gather_shots(self.lines, places, self.encoding, trajectory_unit)
            return KSpace(array, self.geometry, trajectory, **known)
        array, mask = gather(self.lines, places, self.encoding)
        return KSpace(array, self.geometry, None, mask, calibration=self._calibration(), **known)

    def _places(self, rows: HostArray) -> Places:
        frames = self.frames.index(self.lines, rows)
        slices = self.stack.index(self.lines, rows)
        return Places(rows, frames, slices, len(self.frames.keys), len(self.stack.counters))

    def _calibration(self) -> HostArray | None:
        """The lines that are for calibration only, of this encoding or of one that holds nothing else."""
        for number, encoding in enumerate(self.header.encodings):
            mine = self.lines.of_encoding(number)
            rows = np.setdiff1d(np.flatnonzero(self.lines.references & mine), self.rows)
            is_apart = number == self.number or not (self.lines.imaging & mine).any()
            if len(rows) and is_apart and np.allclose(encoding.encoded.fov, self.encoding.encoded.fov, rtol=0.01):
                frames = np.zeros(len(rows), dtype=np.int64)
                slices = self.stack.index(self.lines, rows)
                places = Places(rows, frames, slices, 1, len(self.stack.counters))
                return cropped_references(*gather(self.lines, places, encoding))
        return None

    def _noise(self) -> HostArray | None:
        """The noise samples (sample, coil) as they would stand in k-space: by bandwidth, and by the number of averages.

        Source: Kellman and McVeigh (Magn Reson Med 54:1439, 2005), for the receiver's noise bandwidth.
        """
        rows = np.flatnonzero(self.lines.noise)
        if not len(rows):
            return None
        found = [block.transpose(0, 2, 1).reshape(-1, block.shape[1]) for _, block in self.lines.blocks(rows)]
        if len({block.shape[1] for block in found}) != 1:
            raise InputError("noise readouts differ in their number of coils", where=self.lines.path.name)
        dwell, own = (float(self.lines.heads["sample_time_us"][chosen[0]]) for chosen in (rows, self.rows))
        ratio = dwell / own if dwell > 0 and own > 0 else 1.0
        scale = np.sqrt(ratio / self.header.noise_bandwidth / (self._n_averages() if self.is_cartesian else 1.0))
        return np.concatenate(found) * np.float32(scale)

    def _n_averages(self) -> float:
        """How many readouts share a place, on average."""
        return len(self.rows) / self._n_places

    @cached_property
    def _n_places(self) -> int:
        return len(np.unique(np.stack([self.lines.counter(name)[self.rows] for name in PLACE], axis=-1), axis=0))

    @property
    def facts(self) -> KSpaceFacts:
        """What a cohort tells of it, from the headers alone."""
        head = self.lines.heads[self.rows[0]]
        nx, ny, nz = self.encoding.encoded.matrix
        n_frames, n_slices = len(self.frames.keys), len(self.stack.counters)
        if self.is_cartesian:
            n_shots, n_samples = None, None
            acceleration = n_frames * n_slices * ny * nz / self._n_places
        else:
            n_shots = len(self.rows) // (n_frames * n_slices)
            n_samples = int(head["number_of_samples"]) - int(head["discard_pre"]) - int(head["discard_post"])
            acceleration = nx * ny * nz / (n_shots * n_samples)
        return KSpaceFacts(
            self.geometry,
            self.recon,
            n_frames,
            int(head["active_channels"]),
            self.encoding.trajectory,
            is_3d=nz > 1,
            acceleration=acceleration,
            n_shots=n_shots,
            n_samples=n_samples,
        )
