"""What coils receive of a phantom at any points of k-space: exact, with motion and off-resonance."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.geometry.grid import Triple
from scanmill.phantoms.coils import CoilArray
from scanmill.phantoms.fourier_transform import EncodedSpace, Section, sections
from scanmill.phantoms.phantom import Phantom

AT_ONCE = 1 << 15
"""So many samples are done at a time, which bounds the memory."""
IN_PLANE_MM = 1e-6


@dataclass(frozen=True)
class LinearField:
    """An off-resonance of ``hz`` + ``gradient_hz_per_mm`` · r at r in LPS mm; it turns the signal by exp(−2πi f t)."""

    hz: float = 0.0
    gradient_hz_per_mm: Triple = (0.0, 0.0, 0.0)


def mr_signal(
    phantom: Phantom,
    coils: CoilArray,
    k: npt.ArrayLike,
    space: EncodedSpace,
    *,
    shift_mm: npt.ArrayLike | None = None,
    field: LinearField | None = None,
    time_s: npt.ArrayLike | None = None,
) -> HostArray:
    """∫ c_j(r) phantom(r − shift) exp(−2πi (k·s + f(r) t)) ds with r = origin + axes s: complex128 (coil, ...).

    ``k`` (..., d) in cycles per mm. ``shift_mm`` (..., 3) broadcasts to the samples: the object moves while the coils
    stay. ``field`` acts for the time ``time_s`` (...) since excitation. A field that is piecewise linear is the sum of
    the signals of its pieces. Everything is exact: shift and field are phases and a shift of k, each wave of the
    coils another shift. Raises InputError where a plane is asked to see a motion through it.
    """
    k = np.asarray(k, dtype=np.float64)
    shape, n = k.shape[:-1], int(np.prod(k.shape[:-1]))
    shift = None if shift_mm is None else _in_space(np.broadcast_to(np.asarray(shift_mm), (*shape, 3)), space)
    time = None if time_s is None else np.broadcast_to(np.asarray(time_s, dtype=np.float64), shape).reshape(-1)
    if (field is None) != (time is None):
        raise InputError("off-resonance needs a field and times", got=(field, "times" if time is not None else None))
    seen, waves = sections(phantom, space), _waves(coils, space)
    out, flat = np.empty((coils.n_coils, n), dtype=np.complex128), k.reshape(-1, k.shape[-1])
    for start, stop in pairwise([*range(0, n, AT_ONCE), n]):
        part = slice(start, stop)
        moved = None if shift is None else shift[part]
        if field is None or time is None:
            out[:, part] = _received(seen, waves, flat[part], moved)
        else:
            gradient = np.asarray(field.gradient_hz_per_mm)
            points = flat[part] + time[part, None] * (gradient @ space.axes)
            turn = np.exp(-2j * np.pi * (field.hz + gradient @ space.origin) * time[part])
            out[:, part] = turn * _received(seen, waves, points, moved)
    return out.reshape(coils.n_coils, *shape)


def _received(
    seen: list[Section], waves: tuple[HostArray, HostArray], k: HostArray, shift: HostArray | None
) -> HostArray:
    """Σ_w weights_w ρ̂(k − q_w) exp(−2πi (k − q_w)·shift) for points (n, d)."""
    total = np.zeros((len(waves[1]), len(k)), dtype=np.complex128)
    for vector, weights in zip(waves[0], waves[1].T, strict=True):
        points = k - vector
        values = sum((section.transform(points) for section in seen), np.zeros(len(k), dtype=np.complex128))
        if shift is not None:
            values = values * np.exp(-2j * np.pi * (points * shift).sum(axis=-1))
        total += weights[:, None] * values
    return total


def _waves(coils: CoilArray, space: EncodedSpace) -> tuple[HostArray, HostArray]:
    """The different waves that the space sees, (wave, d), and their weights (coil, wave) at its origin."""
    weights = coils.weights * np.exp(2j * np.pi * (coils.wave_vectors @ space.origin))
    vectors, which = np.unique((coils.wave_vectors @ space.axes).round(12), axis=0, return_inverse=True)
    merged = np.zeros((coils.n_coils, len(vectors)), dtype=np.complex128)
    np.add.at(merged.T, which.reshape(-1), weights.T)
    return vectors, merged


def _in_space(shift_mm: HostArray, space: EncodedSpace) -> HostArray:
    """Shifts (..., 3) along the encoded axes, (n, d)."""
    flat = shift_mm.reshape(-1, 3)
    along = flat @ space.axes
    if (np.abs(flat - along @ space.axes.T) > IN_PLANE_MM).any():
        raise InputError("a plane cannot follow a motion through it", do="move the phantom, or encode in 3-D")
    return along
