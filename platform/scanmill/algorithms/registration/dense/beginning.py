"""Where a deformable registration begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scanmill.algorithms.registration.dense.field import in_voxels, refined, share, warped
from scanmill.algorithms.registration.dense.level import Box, Level, levels_of, object_box
from scanmill.arrays import Array, to_host, xp_of
from scanmill.data import Labels, Volume
from scanmill.data.transforms import Affine, DisplacementField, Transform
from scanmill.errors import InputError


@dataclass(frozen=True, eq=False)
class Beginning:
    """The ``levels``, what is linear in the start, or the ``field`` that it is on the finest level."""

    levels: list[Level]
    linear: Affine | None
    field: Array | None

    def field_at(self, level: Level) -> Array:
        """The field to begin with at a level."""
        return refined(self.field, self.levels[-1] if self.field is not None else None, level)


def begin(
    fixed: Volume,
    moving: Volume,
    start: Transform | None,
    mask: Labels | None,
    factors: Sequence[int],
    *,
    common: bool = False,
    whole: bool = False,
) -> Beginning:
    """Levels through an affine ``start``, cut out around the object; any other start becomes a field on the whole grid.

    With ``whole`` nothing is cut out, with ``common`` both images keep one scale of intensities. Raises InputError
    where the images do not overlap.
    """
    inside = None if mask is None else to_host(mask.array) != 0
    weight = np.ones(fixed.geometry.shape, np.float32) if inside is None else inside.astype(np.float32)
    weight = xp_of(fixed.array).asarray(weight)
    affine = np.eye(4) if start is None else start.affine
    box: Box = (slice(0, fixed.geometry.shape[0]), slice(0, fixed.geometry.shape[1]), slice(0, fixed.geometry.shape[2]))
    field = None
    if affine is None and start is not None:
        begun = DisplacementField.sampled(start, fixed.geometry)
        field = xp_of(fixed.array).asarray(in_voxels(begun.array, fixed.geometry))
    elif not whole:
        box = object_box(to_host(fixed.array), inside)
    levels = levels_of(fixed, moving, np.eye(4) if affine is None else affine, weight, box, factors, common=common)
    linear = None if start is None or affine is None else Affine.from_affine(affine)
    if min(float(level.weight.sum(dtype=np.float64)) for level in levels) == 0:
        raise InputError("the mask vanishes at the coarsest level", got=f"factors {tuple(factors)}", do="begin finer")
    _check_overlap(levels[-1], field)
    return Beginning(levels, linear, field)


def _check_overlap(level: Level, field: Array | None) -> None:
    """Some of the voxels that count lie in the moving image."""
    _, inside = warped(level, refined(None, None, level) if field is None else field)
    if share(inside, level) == 0:
        raise InputError("the images do not overlap", do="start with a linear registration")
