"""Where k-space was sampled, in cycles per field of view."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.geometry import shots
from scanmill.geometry.shots import Order


@dataclass(frozen=True, eq=False)
class Trajectory:
    """The points of k-space where samples were taken: float64 (frame, slice, shot, sample, d), leading axes may be 1.

    d is 2 or 3, in point order (x, y[, z]) along the image's own axes. The unit is **cycles per field of view**: on a
    grid of N samples the points reach from -N/2 to N/2, one sample of a full Cartesian scan is one unit, and the
    radians per pixel of NUFFT libraries are 2 pi k / N. A sample at k is the sum over r of x(r) exp(-2 pi i k r / N)
    with r counted from pixel N // 2.

    >>> spokes = Trajectory.radial(4, 8, matrix=8)
    >>> spokes.points.shape, spokes.points[0, 0, 0, :, 0].tolist()
    ((1, 1, 4, 8, 2), [-4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0])
    """

    points: HostArray

    def __post_init__(self) -> None:
        points = np.array(self.points, dtype=np.float64)
        if points.ndim != 5 or points.shape[-1] not in (2, 3) or min(points.shape) < 1:
            raise InputError(
                "a trajectory needs points", expected="(frame, slice, shot, sample, 2 or 3)", got=points.shape
            )
        if not np.isfinite(points).all():
            n_bad = np.count_nonzero(~np.isfinite(points))
            raise InputError("a trajectory needs finite points", got=f"{n_bad} of {points.size} numbers are not")
        points.setflags(write=False)
        object.__setattr__(self, "points", points)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(frame, slice, shot, sample)."""
        n_frames, n_slices, n_shots, n_samples, _ = self.points.shape
        return n_frames, n_slices, n_shots, n_samples

    @property
    def n_dims(self) -> int:
        """2 where every slice has its own plane of k-space, 3 where z is encoded too."""
        return int(self.points.shape[-1])

    @classmethod
    def radial(
        cls,
        n_spokes: int,
        n_samples: int,
        *,
        matrix: int,
        angles: npt.ArrayLike | None = None,
        is_full_circle: bool = False,
        is_symmetric: bool = False,
    ) -> Trajectory:
        """Spokes through the centre of a plane, at equal angles over a half or a full circle, or at ``angles``.

        ``angles`` (spoke) or (frame, spoke) in rad grow from x to y. The samples of a spoke lie ``matrix / n_samples``
        apart; sample ``n_samples // 2`` is on the centre, or half a sample beyond it where ``is_symmetric``.
        """
        turn = 2 * np.pi if is_full_circle else np.pi
        a = np.arange(n_spokes) * turn / n_spokes if angles is None else np.asarray(angles, dtype=np.float64)
        if a.ndim not in (1, 2) or a.shape[-1] != n_spokes:
            raise InputError("a radial trajectory needs an angle for each spoke", expected=n_spokes, got=a.shape)
        spokes = np.stack([np.cos(a), np.sin(a)], axis=-1).reshape(-1, 1, n_spokes, 2)
        return cls(shots.lines(spokes, n_samples, matrix, is_symmetric=is_symmetric))

    @classmethod
    def golden_angle(
        cls,
        n_spokes: int,
        n_samples: int,
        *,
        matrix: int,
        n_frames: int = 1,
        tiny: int = 1,
        is_symmetric: bool = False,
    ) -> Trajectory:
        """Spokes that each turn by pi / (golden ratio + ``tiny`` - 1) from the last: 111.25 degrees, or a tiny one.

        Frame f holds the spokes ``f * n_spokes`` to ``(f + 1) * n_spokes``. Source: Winkelmann et al. (IEEE Trans Med
        Imaging 26:68, 2007); tiny golden angles by Wundrak et al. (IEEE Trans Med Imaging 34:1262, 2015).
        """
        step = np.pi / (shots.GOLDEN_RATIO + tiny - 1)
        angles = (np.arange(n_frames * n_spokes) * step).reshape(n_frames, n_spokes)
        return cls.radial(n_spokes, n_samples, matrix=matrix, angles=angles, is_symmetric=is_symmetric)

    @classmethod
    def spiral(
        cls, n_interleaves: int, n_samples: int, *, matrix: int, n_turns: float | None = None, density: float = 1.0
    ) -> Trajectory:
        """Interleaved spirals k(t) = (N / 2) t^density exp(2 pi i n_turns t) outwards, t in 0..1.

        ``n_turns`` of None fills the plane at the Nyquist distance where ``density`` is 1; above 1 the centre is
        denser. Samples lie evenly along it, as at a limited gradient amplitude. Source: Kim, Adalsteinsson and Spielman
        (Magn Reson Med 50:214, 2003), equations 1 to 5.
        """
        turns = matrix / 2 / n_interleaves if n_turns is None else n_turns
        return cls(shots.spirals(n_interleaves, n_samples, matrix, turns, density)[None, None])

    @classmethod
    def radial_3d(
        cls,
        n_spokes: int,
        n_samples: int,
        *,
        matrix: int,
        n_interleaves: int = 1,
        order: Order = "phyllotaxis",
        has_navigator: bool = False,
        is_symmetric: bool = False,
    ) -> Trajectory:
        """Spokes through the centre of a ball ("kooshball"), in the order in which they are acquired.

        ``phyllotaxis`` turns by a golden angle about z while it comes down from the pole, read interleaf by interleaf;
        ``golden_means`` spreads evenly whenever it is stopped. ``has_navigator`` puts a spoke along z in the place of
        the first of each interleaf. Source: Piccini et al. (Magn Reson Med 66:1049, 2011); Chan et al. (ibid. 61:354,
        2009).
        """
        spokes = shots.ball(n_spokes, n_interleaves, order)
        if has_navigator:
            spokes[:: n_spokes // n_interleaves] = 0.0, 0.0, 1.0
        return cls(shots.lines(spokes[None, None], n_samples, matrix, is_symmetric=is_symmetric))

    @classmethod
    def cartesian(cls, mask: npt.ArrayLike) -> Trajectory:
        """The True points of a mask (y, x) or (z, y, x), zero frequency at n // 2, in array order as one shot."""
        chosen = np.asarray(mask, dtype=bool)
        if chosen.ndim not in (2, 3) or not chosen.any():
            raise InputError("a mask needs chosen points", expected="(y, x) or (z, y, x)", got=chosen.shape)
        indices = np.argwhere(chosen) - np.array(chosen.shape) // 2
        return cls(indices[None, None, None, :, ::-1])

    def delayed(self, delays: npt.ArrayLike) -> Trajectory:
        """The trajectory that late gradients made: k + S dk/dsample.

        ``delays`` S is in samples: one number per axis (x, y[, z]), or the symmetric matrix d x d whose off-diagonal
        terms couple the axes; positive numbers move samples onwards along their shot. Exact for straight shots.
        Source: Rosenzweig, Holme and Uecker (Magn Reson Med 81:1898, 2019), equation 4.
        """
        s = np.asarray(delays, dtype=np.float64)
        s = np.diag(s) if s.ndim == 1 else s
        if s.shape != (self.n_dims, self.n_dims) or not np.isfinite(s).all():
            raise InputError("delays need a number for each axis, or a square matrix", got=s.shape)
        if self.shape[-1] < 2:
            raise InputError("a delay needs shots of two samples or more", got=self.shape)
        return Trajectory(self.points + np.gradient(self.points, axis=-2) @ s.T)

    def check_inside(self, matrix: tuple[int, ...], *, where: str | None = None) -> None:
        """Raise InputError where a point lies outside N / 2 of ``matrix`` (array order) by more than a sample."""
        limits = np.array(matrix[::-1][: self.n_dims]) / 2
        reached = np.abs(self.points).max(axis=(0, 1, 2, 3))
        if (reached > limits + 1).any():
            raise InputError(
                "the trajectory leaves k-space",
                where=where,
                expected=f"at most {limits.tolist()} cycles per field of view along {'xyz'[: self.n_dims]}",
                got=reached.round(3).tolist(),
                do="check the unit of the trajectory, and the matrix",
            )
