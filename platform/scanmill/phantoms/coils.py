"""Receiver coils whose sensitivities are sums of plane waves, so that what they see of an ellipsoid stays exact."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanmill.arrays import HostArray
from scanmill.errors import InputError

N_SEGMENTS = 64
"""Straight pieces of a current loop."""
N_POINTS = 2000
"""Points in the body at which waves are fitted to fields."""
RIDGE = 1e-8
"""What a unit of squared wave weights costs in the fit, relative to the mean square of the waves."""


@dataclass(frozen=True, eq=False)
class CoilArray:
    """c_j(r) = Σ_w weights[j, w] exp(2πi q_w·r), r in LPS mm, q = ``wave_vectors`` (wave, 3) in cycles per mm.

    A wave only shifts a Fourier transform, so the k-space of a coil is a sum of shifted transforms: M. Guerquin-Kern,
    L. Lejeune, K. P. Pruessmann, M. Unser, IEEE Trans. Med. Imaging 31 (2012) 626, section III.

    >>> CoilArray.uniform().values([[1.0, 2.0, 3.0]]).tolist()
    [[(1+0j)]]
    """

    wave_vectors: HostArray
    weights: HostArray

    def __post_init__(self) -> None:
        waves = np.asarray(self.wave_vectors, dtype=np.float64)
        weights = np.asarray(self.weights, dtype=np.complex128)
        if waves.ndim != 2 or waves.shape[1] != 3 or weights.ndim != 2 or weights.shape[1] != len(waves):
            raise InputError("coils need waves (wave, 3) and weights (coil, wave)", got=(waves.shape, weights.shape))
        object.__setattr__(self, "wave_vectors", waves)
        object.__setattr__(self, "weights", weights)

    @property
    def n_coils(self) -> int:
        """How many receivers."""
        return len(self.weights)

    def values(self, points: npt.ArrayLike) -> HostArray:
        """The sensitivities at (..., 3) points in mm, complex128 (coil, ...)."""
        points = np.asarray(points, dtype=np.float64)
        flat = points.reshape(-1, 3)
        total = np.zeros((self.n_coils, len(flat)), dtype=np.complex128)
        for vector, weights in zip(self.wave_vectors, self.weights.T, strict=True):
            total += weights[:, None] * np.exp(2j * np.pi * (flat @ vector))
        return total.reshape(self.n_coils, *points.shape[:-1])

    @classmethod
    def uniform(cls) -> CoilArray:
        """One coil that sees everything alike."""
        return cls(np.zeros((1, 3)), np.ones((1, 1)))

    @classmethod
    def loops(
        cls,
        n_coils: int,
        *,
        n_rings: int = 1,
        body_mm: float = 100.0,
        n_waves: int = 2,
        period_mm: float | None = None,
    ) -> CoilArray:
        """Current loops around a body of radius ``body_mm``, evenly on ``n_rings`` rings about z.

        Each is the Bx − i By of a loop by Biot and Savart, fitted over the body by waves of up to ``n_waves`` cycles in
        ``period_mm`` (by default three times the body's radius); what was fitted *is* the sensitivity. The root of the
        sum of squares is 1 on average over the body. Raises InputError where rings and coils do not match.
        """
        if n_coils < 1 or n_rings < 1 or n_coils % n_rings:
            raise InputError("coils must fill the rings", expected=f"a multiple of {n_rings}", got=n_coils)
        period = 3 * body_mm if period_mm is None else period_mm
        points = _ball(N_POINTS) * body_mm
        fields = np.stack([_transverse_field(points, *loop) for loop in _loops(n_coils, n_rings, body_mm)])
        fields /= np.sqrt((np.abs(fields) ** 2).sum(axis=0).mean())
        n = np.stack(np.meshgrid(*[np.arange(-n_waves, n_waves + 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
        waves = n[(n * n).sum(axis=1) <= n_waves**2] / period
        design = np.exp(2j * np.pi * points @ waves.T)
        gram = design.conj().T @ design + RIDGE * len(points) * np.eye(len(waves))
        return cls(waves, np.linalg.solve(gram, design.conj().T @ fields.T).T)


def _ball(n: int) -> HostArray:
    """Points evenly through the unit ball: a golden spiral on shells of equal volume."""
    i = np.arange(n) + 0.5
    radius, z = np.cbrt(i * 0.7548776662 % 1), 1 - 2 * i / n
    turn, across = np.pi * (1 + 5**0.5) * i, np.sqrt(1 - z * z)
    return np.asarray(radius[:, None] * np.stack([across * np.cos(turn), across * np.sin(turn), z], axis=-1))


def _loops(n_coils: int, n_rings: int, body_mm: float) -> list[tuple[HostArray, HostArray, float]]:
    """Middle, outward normal and radius of every loop, a little away from the body."""
    per_ring, distance = n_coils // n_rings, 1.25 * body_mm
    radius = min(0.6 * body_mm, 1.2 * distance * np.sin(np.pi / max(per_ring, 3)))
    loops = []
    for ring in range(n_rings):
        z = (ring - (n_rings - 1) / 2) * 2 * body_mm / max(n_rings, 2)
        for coil in range(per_ring):
            angle = 2 * np.pi * (coil + 0.5 * (ring % 2)) / per_ring
            normal = np.array([np.cos(angle), np.sin(angle), 0.0])
            loops.append((distance * normal + [0.0, 0.0, z], normal, float(radius)))
    return loops


def _transverse_field(points: HostArray, middle: HostArray, normal: HostArray, radius: float) -> HostArray:
    """Bx − i By of a unit current, in arbitrary units: Σ dl × (r − l) / |r − l|³ over the pieces of the loop."""
    angle = 2 * np.pi * (np.arange(N_SEGMENTS) + 0.5) / N_SEGMENTS
    u = np.cross([0.0, 0.0, 1.0], normal)
    v = np.cross(normal, u)
    spoke = np.cos(angle)[:, None] * u + np.sin(angle)[:, None] * v
    steps = np.cross(normal, spoke) * (2 * np.pi * radius / N_SEGMENTS)
    away = points[:, None] - (middle + radius * spoke)
    field = (np.cross(steps, away) / (away * away).sum(axis=-1, keepdims=True) ** 1.5).sum(axis=1)
    return np.asarray(field[:, 0] - 1j * field[:, 1])
