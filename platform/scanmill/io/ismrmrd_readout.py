"""From the samples of Cartesian readouts to lines of the grid: turned, placed, regridded, oversampling removed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.io.ismrmrd_epi import ghost_phase, regridding, trapezoid
from scanmill.io.ismrmrd_header import Encoding
from scanmill.io.ismrmrd_lines import REVERSE, Lines
from scanmill.io.readout import middle, to_image, to_kspace


@dataclass(frozen=True, eq=False)
class Ghosts:
    """The phases (group, pixel) between reversed and forward lines, and which group serves a line: the last one before
    it of the same slice."""

    phases: HostArray
    first_row: HostArray
    slices: HostArray

    def of(self, rows: HostArray, slices: HostArray) -> HostArray:
        """The phase (line, pixel) for each of the rows."""
        chosen = np.zeros(len(rows), dtype=np.int64)
        for number in np.unique(slices):
            mine = np.flatnonzero(self.slices == number)
            if not len(mine):
                raise InputError("a slice has no navigator lines", got=f"slice {int(number)}")
            at = np.searchsorted(self.first_row[mine], rows[slices == number], side="right") - 1
            chosen[slices == number] = mine[np.maximum(at, 0)]
        return np.asarray(self.phases[chosen])


@dataclass(frozen=True, eq=False)
class Readout:
    """The readout of one encoding: ``encoded`` points, of whose pixels the middle ``kept`` stay."""

    encoded: int
    kept: int
    description: Mapping[str, float]
    where: str = field(repr=False)

    @classmethod
    def of(cls, encoding: Encoding, where: str) -> Readout:
        """The readout that a header describes."""
        return cls(encoding.encoded.matrix[0], encoding.kept[0], encoding.readout, where)

    def lines(
        self, lines: Lines, rows: HostArray, samples: HostArray, ghosts: HostArray | None
    ) -> tuple[HostArray, HostArray]:
        """Lines of k-space (line, coil, kept) from samples (line, coil, sample), and where they were measured.

        ``ghosts`` is the phase (line, pixel) between reversed and forward lines; each takes half of it.
        """
        positions = trapezoid(self.description, samples.shape[-1], self.encoded)
        if positions is None and ghosts is None and self.kept == self.encoded:
            return self._placed(lines, rows, samples)
        images, measured = self.images(lines, rows, samples)
        if ghosts is not None:
            sign = np.where(lines.has(REVERSE)[rows], -0.5, 0.5)
            images *= np.exp(1j * sign[:, None] * ghosts).astype(np.complex64)[:, None]
        return to_kspace(images, -1) * measured[:, None], measured

    def images(self, lines: Lines, rows: HostArray, samples: HostArray) -> tuple[HostArray, HostArray]:
        """The same lines as images along the readout (line, coil, kept), and where k-space was measured."""
        positions = trapezoid(self.description, samples.shape[-1], self.encoded)
        if positions is None:
            placed, measured = self._placed(lines, rows, samples)
            return to_image(placed, -1)[..., middle(self.encoded, self.kept)], measured
        turned = np.where(lines.has(REVERSE)[rows][:, None, None], samples[..., ::-1], samples)
        matrix = _regridding(tuple(positions), self.encoded, self.kept)
        measured = self._measured(float(positions.min()) - 0.5, float(positions.max()) + 0.5)
        return turned @ matrix.T, np.broadcast_to(measured, (len(rows), self.kept))

    def _placed(self, lines: Lines, rows: HostArray, samples: HostArray) -> tuple[HostArray, HostArray]:
        """The samples in the encoded grid (line, coil, encoded), and where the kept one is measured (line, kept)."""
        heads = lines.heads[rows]
        center = heads["center_sample"].astype(np.int64) - heads["discard_pre"]
        reverse = lines.has(REVERSE)[rows]
        placed = np.zeros((*samples.shape[:2], self.encoded), np.complex64)
        measured = np.zeros((len(rows), self.kept), dtype=bool)
        n = samples.shape[-1]
        for middle_sample, is_reverse in sorted(set(zip(center.tolist(), reverse.tolist(), strict=True))):
            mine = (center == middle_sample) & (reverse == is_reverse)
            start = self._start(n, middle_sample, is_reverse=is_reverse)
            placed[mine, :, start : start + n] = samples[mine][..., :: -1 if is_reverse else 1]
            first = start - self.encoded // 2
            measured[mine] = self._measured(first, first + n - 1)
        return placed, measured

    def _start(self, n: int, center: int, *, is_reverse: bool) -> int:
        """Where a line's first sample stands in the encoded grid.

        A full line has one place only, even if its ``center_sample`` was never set. Of a reversed line, whose k falls
        from sample to sample, the center may be counted from either end of its middle pair of samples.
        """
        if n == self.encoded and (center == 0 or abs(center - n // 2) <= 1):
            return 0
        starts = [self.encoded // 2 - c for c in ((n - 1 - center, n - center) if is_reverse else (center,))]
        fitting = [start for start in starts if 0 <= start <= self.encoded - n]
        if not fitting:
            raise InputError(
                "a readout does not fit the encoded matrix of the header",
                where=self.where,
                expected=f"{self.encoded} points around the center",
                got=f"{n} samples, center_sample {center}",
            )
        return fitting[0]

    def _measured(self, first: float, last: float) -> HostArray:
        """Which points of the kept grid lie between two positions, in cycles per encoded field of view."""
        k = (np.arange(self.kept) - self.kept // 2) * (self.encoded / self.kept)
        return np.asarray((k >= first - 1e-6) & (k <= last + 1e-6))


def find_ghosts(lines: Lines, rows: HostArray, readout: Readout) -> Ghosts | None:
    """The phases that the navigator lines ``rows`` show; None where no group of them has both directions.

    A group are the navigators of a slice that follow one another; lines of one direction are averaged.
    """
    slices, reverse = lines.counter("slice")[rows], lines.has(REVERSE)[rows]
    breaks = np.flatnonzero((np.diff(slices) != 0) | (np.diff(rows) != 1)) + 1
    groups = [group for group in np.split(np.arange(len(rows)), breaks) if len(set(reverse[group].tolist())) == 2]
    if not groups:
        return None
    phases = [_phase(lines, rows[group], reverse[group], readout) for group in groups]
    first = np.array([group[0] for group in groups])
    return Ghosts(np.stack(phases), rows[first], slices[first])


def _phase(lines: Lines, rows: HostArray, reverse: HostArray, readout: Readout) -> HostArray:
    images = [readout.images(lines, chosen, samples)[0] for chosen, samples in lines.blocks(rows)]
    every = np.concatenate(images)
    return ghost_phase(every[~reverse].mean(axis=0), every[reverse].mean(axis=0))


@lru_cache(maxsize=8)
def _regridding(positions: tuple[float, ...], encoded: int, kept: int) -> HostArray:
    return regridding(np.array(positions), encoded, kept)
