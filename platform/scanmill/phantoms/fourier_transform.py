"""The exact Fourier transform of ellipsoids, whole or cut by a plane: what an MR scanner measures of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.phantoms.ellipsoid import Ellipsoid
from scanmill.phantoms.phantom import Phantom

NEAR_ZERO = 0.5
"""Below this argument the transform of a ball is taken from its power series; above, from its closed form."""


@dataclass(frozen=True, eq=False)
class EncodedSpace:
    """The points ``origin`` + ``axes`` s that a scan encodes: a plane for axes (3, 2), all of space for (3, 3).

    ``origin`` in LPS mm is where the phase of encoding is zero; the columns of ``axes`` are orthonormal, s in mm.
    """

    axes: HostArray
    origin: HostArray

    def __post_init__(self) -> None:
        axes, origin = np.asarray(self.axes, dtype=np.float64), np.asarray(self.origin, dtype=np.float64)
        if axes.shape not in ((3, 2), (3, 3)) or origin.shape != (3,):
            raise InputError("an encoded space needs axes and an origin", expected="(3, 2 or 3) and (3,)",
                             got=(axes.shape, origin.shape))  # fmt: skip
        object.__setattr__(self, "axes", axes)
        object.__setattr__(self, "origin", origin)

    @property
    def n_dims(self) -> int:
        """2 for a plane, 3 for space."""
        return int(self.axes.shape[1])


SPACE = EncodedSpace(np.eye(3), np.zeros(3))


@dataclass(frozen=True, eq=False)
class Section:
    """An ellipsoid in the coordinates s of an encoded space: all s with (s − center)ᵀ shape⁻¹ (s − center) ≤ 1."""

    center: HostArray
    shape: HostArray
    value: float

    def transform(self, k: HostArray) -> HostArray:
        """∫ value exp(−2πi k·s) ds at k (..., d) in cycles per mm; value · mm^d, complex128.

        With q = √(kᵀ shape k) it is value √det(shape) exp(−2πi k·center) J_{d/2}(2πq) / q^{d/2}: M. Koay, J. Sarlls,
        E. Özarslan, Magn. Reson. Med. 58 (2007) 430, equations 4 and 7.
        """
        k = np.asarray(k, dtype=np.float64)
        root = np.linalg.cholesky(self.shape)
        scaled = k @ root
        argument = 2 * np.pi * np.sqrt((scaled * scaled).sum(axis=-1))
        ball = _disc(argument) if k.shape[-1] == 2 else _ball(argument)
        phase = -2 * np.pi * (k @ self.center)
        size = self.value * math.prod(np.diag(root))
        out = np.empty(phase.shape, dtype=np.complex128)
        out.real, out.imag = size * ball * np.cos(phase), size * ball * np.sin(phase)
        return out


def section_of(ellipsoid: Ellipsoid, space: EncodedSpace) -> Section | None:
    """The ellipsoid as a plane or the whole space sees it; None where a plane misses it.

    Raises InputError where what is seen has no end: a cylinder in space, or along a plane.
    """
    A = ellipsoid.to_unit_ball @ space.axes
    b = ellipsoid.to_unit_ball @ (space.origin - np.asarray(ellipsoid.center))
    Q = A.T @ A
    if np.linalg.eigvalsh(Q)[0] < 1e-24 * np.trace(Q):
        raise InputError("an endless cylinder has no Fourier transform here", got=ellipsoid.semi_axes,
                         do="use a finite ellipsoid, or a plane across the cylinder")  # fmt: skip
    center = -np.linalg.solve(Q, A.T @ b)
    rest = 1.0 - float(((A @ center + b) ** 2).sum())
    return Section(center, rest * np.linalg.inv(Q), ellipsoid.value) if rest > 0 else None


def fourier_transform(phantom: Phantom, k: npt.ArrayLike, space: EncodedSpace = SPACE) -> HostArray:
    """∫ phantom(origin + axes s) exp(−2πi k·s) ds, exact, at k (..., d) in cycles per mm; complex128.

    ``space`` says what is encoded: by default all of space from the isocentre, else any oblique plane, whose thickness
    is zero. The unit is that of the phantom times mm^d.

    >>> ball = Phantom((Ellipsoid((0.0, 0.0, 0.0), (10.0, 10.0, 10.0), value=1.0),))
    >>> float(fourier_transform(ball, [[0.0, 0.0, 0.0]])[0].real.round(3))
    4188.79
    """
    k = np.asarray(k, dtype=np.float64)
    if k.shape[-1] != space.n_dims:
        raise InputError("k has other axes than the encoded space", expected=space.n_dims, got=k.shape)
    total = np.zeros(k.shape[:-1], dtype=np.complex128)
    for section in sections(phantom, space):
        total += section.transform(k)
    return total


def sections(phantom: Phantom, space: EncodedSpace) -> list[Section]:
    """What the space sees of every ellipsoid that it meets."""
    found = (section_of(ellipsoid, space) for ellipsoid in phantom.ellipsoids)
    return [section for section in found if section is not None]


def _disc(x: HostArray) -> HostArray:
    """2π J₁(x) / x."""
    from scipy.special import j1

    zero = x < 1e-8
    safe = np.where(zero, 1.0, x)
    return np.where(zero, np.pi, 2 * np.pi * j1(safe) / safe)


def _ball(x: HostArray) -> HostArray:
    """4π (sin x − x cos x) / x³."""
    near = x < NEAR_ZERO
    safe, square = np.where(near, 1.0, x), np.where(near, x * x, 0.0)
    series = 1 / 3 - square / 30 + square**2 / 840 - square**3 / 45360 + square**4 / 3991680
    far = (np.sin(safe) - safe * np.cos(safe)) / safe**3
    return 4 * np.pi * np.where(near, series - square**5 / 518918400, far)
