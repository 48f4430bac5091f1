"""Photons on detours: Monte Carlo transport through a cylinder of water, to judge estimates of scatter by."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry
from scanmill.phantoms.ellipsoid import Ellipsoid
from scanmill.phantoms.materials import attenuation

ELECTRON_KEV = 510.999
CLASSICAL_RADIUS2_MM2 = 7.940788e-24
ELECTRONS_PER_MM3 = 3.3428e20
"""Electrons in water."""
TABLE_KEV = np.linspace(12.0, 200.0, 400)


class Scattered(NamedTuple):
    """``primary`` and ``scatter`` (row, column), both as shares of the open beam in that pixel."""

    primary: HostArray
    scatter: HostArray


def scatter_of_cylinder(
    scan: ScanGeometry, *, radius_mm: float, energy_kev: float, n_photons: int, seed: int, n_orders: int = 6
) -> Scattered:
    """Primary and Compton scatter that a cone-beam detector sees behind an endless cylinder of water around z.

    The first view of ``scan``; photons of one energy fill the detector's cone evenly per solid angle. Each is forced
    to interact inside, up to ``n_orders`` times, and is deflected by the law of O. Klein and Y. Nishina (Z. Phys. 52
    (1929) 853); at each place its chance to reach a random point of the detector is scored (forced detection).
    Photons of below 12 keV end; coherent scatter counts as absorption. A counting detector; same seed, same bytes.
    """
    if scan.beam != "cone" or n_photons < 1 or not radius_mm > 0:
        raise InputError("scatter needs a cone beam, photons and a radius", got=(scan.beam, n_photons, radius_mm))
    rng = np.random.default_rng(seed)
    cylinder = Ellipsoid((0.0, 0.0, 0.0), (radius_mm, radius_mm, np.inf), 1.0)
    origin, direction = scan.rays(0)
    primary = np.exp(-float(attenuation("water", energy_kev)) * cylinder.chords(origin, direction))
    screen = _Screen(scan)
    place, share = screen.random_points(rng, n_photons)
    source = np.asarray(scan.source[0])
    along = place - source
    distance = np.linalg.norm(along, axis=1, keepdims=True)
    along = along / distance
    weight = share * screen.facing(along) / distance[:, 0] ** 2
    position = np.broadcast_to(source, along.shape)
    energy = np.full(n_photons, energy_kev)
    tally = np.zeros(scan.shape[1:])
    for _ in range(n_orders):
        position, weight, inside = _interact(rng, position, along, energy, weight, radius_mm)
        position, along, energy, weight = position[inside], along[inside], energy[inside], weight[inside]
        screen.score(rng, tally, position, along, energy, weight, radius_mm)
        weight = weight * klein_nishina_total(energy) * ELECTRONS_PER_MM3 / _mu(energy)
        along, energy = _deflect(rng, along, energy)
        alive = energy > TABLE_KEV[0]
        position, along, energy, weight = position[alive], along[alive], energy[alive], weight[alive]
    return Scattered(primary, tally / screen.open_beam(n_photons))


class _Screen:
    """The detector of one view: points on it, and what falls where."""

    def __init__(self, scan: ScanGeometry) -> None:
        self.rows, self.columns = scan.n_rows, scan.n_columns
        self.middle, self.row, self.column = scan.detector[0], scan.row_step[0], scan.column_step[0]
        self.source = scan.source[0]
        normal = np.cross(self.column, self.row)
        self.pixel = float(np.linalg.norm(normal))
        self.normal = normal / self.pixel
        self.area = self.pixel * self.rows * self.columns

    def random_points(self, rng: np.random.Generator, n: int) -> tuple[HostArray, HostArray]:
        """Points (n, 3) spread evenly, and the area that each stands for."""
        r, c = rng.random((2, n)) - 0.5
        points = self.middle + np.outer(r * self.rows, self.row) + np.outer(c * self.columns, self.column)
        return points, np.full(n, self.area)

    def facing(self, direction: HostArray) -> HostArray:
        """|cos| of the angle between a direction and the detector's normal."""
        return np.asarray(np.abs(direction @ self.normal))

    def open_beam(self, n_photons: int) -> HostArray:
        """The weight that arrives in each pixel without an object."""
        rows = np.arange(self.rows)[:, None, None] - (self.rows - 1) / 2
        columns = np.arange(self.columns)[None, :, None] - (self.columns - 1) / 2
        along = self.middle + rows * self.row + columns * self.column - self.source
        distance = np.linalg.norm(along, axis=-1)
        return np.asarray(n_photons * self.pixel * np.abs(along @ self.normal) / distance**3)

    def score(
        self, rng: np.random.Generator, tally: HostArray, position: HostArray, along: HostArray, energy: HostArray,
        weight: HostArray, radius_mm: float,
    ) -> None:  # fmt: skip
        """Add to ``tally`` (row, column) each photon's chance to fly to a random point of the detector."""
        target, area = self.random_points(rng, len(position))
        way = target - position
        distance = np.linalg.norm(way, axis=1)
        way = way / distance[:, None]
        cosine = np.einsum("ij,ij->i", way, along)
        after = scattered_energy(energy, cosine)
        chance = klein_nishina(energy, cosine) * ELECTRONS_PER_MM3 / _mu(energy)
        leaving = np.exp(-_mu(after) * _way_out(position, way, radius_mm))
        score = weight * chance * leaving * area * self.facing(way) / distance**2
        offset = target - self.middle
        row, column = (
            (np.rint(offset @ step / (step @ step) + (n - 1) / 2).astype(int).clip(0, n - 1))
            for step, n in ((self.row, self.rows), (self.column, self.columns))
        )
        tally += np.bincount(row * self.columns + column, score, tally.size).reshape(tally.shape)


def klein_nishina(energy_kev: HostArray, cosine: HostArray) -> HostArray:
    """The cross-section of an electron per solid angle in mm²: r² P² (P + 1 / P − sin² θ) / 2, P = E' / E."""
    share = scattered_energy(energy_kev, cosine) / energy_kev
    return np.asarray(0.5 * CLASSICAL_RADIUS2_MM2 * share**2 * (share + 1 / share - 1 + cosine**2))


def klein_nishina_total(energy_kev: HostArray) -> HostArray:
    """The cross-section of an electron in mm², the same integrated over all directions."""
    k = np.asarray(energy_kev) / ELECTRON_KEV
    log = np.log1p(2 * k)
    bracket = (1 + k) / k**2 * (2 * (1 + k) / (1 + 2 * k) - log / k) + log / (2 * k) - (1 + 3 * k) / (1 + 2 * k) ** 2
    return np.asarray(2 * np.pi * CLASSICAL_RADIUS2_MM2 * bracket)


def scattered_energy(energy_kev: HostArray, cosine: HostArray) -> HostArray:
    """Compton's E' = E / (1 + (E / mc²) (1 − cos θ)) in keV."""
    return np.asarray(energy_kev / (1 + energy_kev / ELECTRON_KEV * (1 - cosine)))


def _interact(
    rng: np.random.Generator, position: HostArray, along: HostArray, energy: HostArray, weight: HostArray, radius: float
) -> tuple[HostArray, HostArray, HostArray]:
    """The next place of interaction, the weight there, and which photons meet water at all."""
    enter, leave = _crossings(position, along, radius)
    length = np.maximum(leave - np.maximum(enter, 0), 0)
    mu = _mu(energy)
    stopped = -np.expm1(-mu * length)
    depth = -np.log1p(-rng.random(len(length)) * stopped) / mu
    place = position + (np.maximum(enter, 0) + depth)[:, None] * along
    return place, weight * stopped, length > 0


def _deflect(rng: np.random.Generator, along: HostArray, energy: HostArray) -> tuple[HostArray, HostArray]:
    """New directions and energies after Klein and Nishina, by rejection from an even sphere."""
    cosine = np.empty(len(energy))
    waiting = np.arange(len(energy))
    while len(waiting):
        trial = 2 * rng.random(len(waiting)) - 1
        accepted = rng.random(len(waiting)) * CLASSICAL_RADIUS2_MM2 < klein_nishina(energy[waiting], trial)
        cosine[waiting[accepted]] = trial[accepted]
        waiting = waiting[~accepted]
    sine, azimuth = np.sqrt(1 - cosine**2), 2 * np.pi * rng.random(len(energy))
    helper = np.where(np.abs(along[:, 2:]) < 0.9, [[0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0]])
    u = np.cross(along, helper)
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    v = np.cross(along, u)
    turned = (np.cos(azimuth) * sine)[:, None] * u + (np.sin(azimuth) * sine)[:, None] * v + cosine[:, None] * along
    return turned, scattered_energy(energy, cosine)


def _way_out(position: HostArray, along: HostArray, radius: float) -> HostArray:
    return np.maximum(_crossings(position, along, radius)[1], 0)


def _crossings(position: HostArray, along: HostArray, radius: float) -> tuple[HostArray, HostArray]:
    """Where lines enter and leave the cylinder, in mm from their points; both 0 where they miss it."""
    a = (along[:, :2] ** 2).sum(axis=1).clip(1e-12)
    b = (position[:, :2] * along[:, :2]).sum(axis=1) / a
    c = ((position[:, :2] ** 2).sum(axis=1) - radius**2) / a
    root = np.sqrt(np.maximum(b * b - c, 0))
    hit = root > 0
    return np.where(hit, -b - root, 0.0), np.where(hit, -b + root, 0.0)


def _mu(energy_kev: HostArray) -> HostArray:
    """Attenuation of water in 1/mm, from a fine table."""
    return np.asarray(np.interp(energy_kev, TABLE_KEV, attenuation("water", TABLE_KEV)))
