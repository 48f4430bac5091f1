"""From exact line integrals to what a detector writes: counts with noise, fields and faults."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from scanmill.arrays import HostArray, to_host
from scanmill.data import Projections
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry
from scanmill.phantoms.phantom import Phantom


@dataclass(frozen=True)
class Detector:
    """A photon detector and its faults; the defaults are a good one.

    counts = gain · Poisson(photons · illumination · exp(−line integral)) + dark + Normal(0, electronic_noise)

    ``photons`` is the mean number per pixel and view without an object. ``gain`` is counts per photon, varied from
    pixel to pixel by ``gain_spread`` (relative); the illumination falls smoothly by ``vignetting`` (relative) from the
    middle to the corners. ``dark`` and ``electronic_noise`` are in counts; ``dark`` varies by a tenth from pixel to
    pixel. ``dead_share`` of the pixels, at random, always read nothing. ``n_fields`` frames are averaged into the dark
    and into the flat field. ``poisson=False`` leaves out the noise of the photons.
    """

    photons: float = 1e5
    gain: float = 1.0
    gain_spread: float = 0.0
    vignetting: float = 0.0
    dark: float = 0.0
    electronic_noise: float = 0.0
    dead_share: float = 0.0
    n_fields: int = 10
    poisson: bool = True

    def __post_init__(self) -> None:
        if not (self.photons > 0 and self.gain > 0 and self.n_fields >= 1):
            raise InputError("a detector needs photons, gain and fields", got=(self.photons, self.gain, self.n_fields))
        if min(self.gain_spread, self.dark, self.electronic_noise) < 0:
            raise InputError("gain_spread, dark and electronic_noise cannot be negative")
        if not (0 <= self.dead_share < 1 and 0 <= self.vignetting < 1):
            raise InputError("dead_share and vignetting are shares, from 0 to below 1")


PERFECT = Detector(poisson=False)
"""No noise and no faults."""


def acquire(
    phantom: Phantom,
    scan: ScanGeometry,
    detector: Detector = PERFECT,
    *,
    seed: int,
    axis_shift_columns: float = 0.0,
    supersampling: int = 1,
) -> Projections:
    """Scan ``phantom``: float32 counts with their dark and flat fields; same seed, same bytes.

    With ``axis_shift_columns`` the detector really stands so that the axis of rotation falls that many columns
    further than ``scan`` says; the result carries the mistaken ``scan``, as a file from such a scanner does.
    ``supersampling`` as for :meth:`Phantom.line_integrals`.
    """
    seen = phantom.projections(_shifted(scan, axis_shift_columns), supersampling=supersampling)
    return detect(replace(seen, geometry=scan), detector, seed=seed)


def detect(projections: Projections, detector: Detector, *, seed: int) -> Projections:
    """Turn line integrals into counts; ``seed`` decides the pixels' faults and every photon.

    >>> from scanmill.phantoms.shepp_logan import shepp_logan_2d
    >>> scan = ScanGeometry.parallel([0.0, 1.0], n_columns=64, column_spacing=4.0)
    >>> raw = detect(shepp_logan_2d().projections(scan), Detector(photons=1000.0, dark=20.0), seed=1)
    >>> raw.quantity, raw.array.shape, bool(raw.array.min() > 0)
    ('counts', (2, 1, 64), True)
    """
    if projections.quantity != "line_integral":
        raise InputError("only line integrals can be detected", got=projections.quantity)
    rng = np.random.default_rng(seed)
    pixels = _Pixels.draw(detector, (projections.geometry.n_rows, projections.geometry.n_columns), rng)
    integrals = to_host(projections.array)
    counts = np.empty(integrals.shape, dtype=np.float32)
    for view, integral in enumerate(integrals):
        counts[view] = pixels.frame(np.exp(-np.asarray(integral, dtype=np.float64)), rng)
    opaque, clear = np.zeros(counts.shape[1:]), np.ones(counts.shape[1:])
    dark = np.mean([pixels.frame(opaque, rng) for _ in range(detector.n_fields)], axis=0, dtype=np.float64)
    flat = np.mean([pixels.frame(clear, rng) for _ in range(detector.n_fields)], axis=0, dtype=np.float64)
    return Projections(
        counts, projections.geometry, "counts", dark.astype(np.float32), flat.astype(np.float32), detector.photons
    )


@dataclass(frozen=True)
class _Pixels:
    """The fixed pattern of one detector, each (row, column)."""

    detector: Detector
    photons: HostArray
    gain: HostArray
    dark: HostArray
    alive: HostArray

    @classmethod
    def draw(cls, detector: Detector, shape: tuple[int, int], rng: np.random.Generator) -> _Pixels:
        gain = detector.gain * np.maximum(1 + detector.gain_spread * rng.standard_normal(shape), 0.05)
        dark = detector.dark * np.maximum(1 + 0.1 * rng.standard_normal(shape), 0.0)
        alive = rng.random(shape) >= detector.dead_share
        rows, columns = (np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in shape)
        away = rows[:, None] ** 2 + columns**2
        photons = detector.photons * (1 - detector.vignetting * away / 2)
        return cls(detector, photons, gain, dark, alive)

    def frame(self, transmission: HostArray, rng: np.random.Generator) -> HostArray:
        """One exposure."""
        mean = self.photons * transmission
        arrived = rng.poisson(mean) if self.detector.poisson else mean
        noise = self.detector.electronic_noise * rng.standard_normal(mean.shape)
        return np.asarray((self.gain * arrived + self.dark + noise) * self.alive)


def _shifted(scan: ScanGeometry, columns: float) -> ScanGeometry:
    """The scan whose detector stands ``columns`` pixels back, so that the axis falls further along it."""
    return scan.with_detector_shift(columns=-columns * scan.column_spacing)
