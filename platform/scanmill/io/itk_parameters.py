"""ITK's transforms as its files know them: a type's name, its parameters and its fixed parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scanmill.arrays import HostArray, to_host
from scanmill.data.transforms import (
    Affine,
    BSpline,
    Chain,
    DisplacementField,
    Rigid,
    Similarity,
    Transform,
    Translation,
    VelocityField,
    parts_of,
)
from scanmill.errors import InputError, SpecError
from scanmill.geometry import VolumeGeometry
from scanmill.io.told_with_file import told_with_file

COMPOSITE = "CompositeTransform"
MAX_PARTS = 1000
"""A file with more transforms than this is refused."""


@dataclass(frozen=True, eq=False)
class StoredTransform:
    """One entry of a file; ``kind`` is such as ``AffineTransform_double_3_3``, both arrays are float64."""

    kind: str
    parameters: HostArray
    fixed: HostArray

    @property
    def name(self) -> str:
        """The type without its number type and dimensions."""
        return self.kind.partition("_")[0]


def transform_of(entries: Sequence[StoredTransform], where: str) -> Transform:
    """The transform that a file's entries are: one, or a composite and its links, the last applied first."""
    if not entries:
        raise InputError("the file holds no transform", where=where)
    is_composite = entries[0].name == COMPOSITE
    links = entries[1:] if is_composite else entries
    if not links or len(links) > (MAX_PARTS if is_composite else 1) or any(link.name == COMPOSITE for link in links):
        raise InputError(
            "the file holds several transforms that are not one composite",
            where=where,
            expected="one transform, or a CompositeTransform and its links",
            got=", ".join(entry.name for entry in entries[:10]),
        )
    parts = [_part(link, where) for link in links]
    return parts[0] if len(parts) == 1 else Chain(tuple(parts))


def entries_of(transform: Transform) -> list[StoredTransform]:
    """What a file must hold; velocity fields as the displacements of their exponential.

    Raises SpecError for an inverse that is an iteration: sample it on a grid first.
    """
    links = [_entry(part) for part in parts_of(transform)]
    return links if len(links) == 1 else [_stored(COMPOSITE, (), ()), *links]


def _part(entry: StoredTransform, where: str) -> Transform:
    if entry.kind.partition("_")[2] not in ("double_3_3", "float_3_3"):
        raise InputError("only transforms of 3D space are read", where=where, expected="..._double_3_3", got=entry.kind)
    if entry.name not in READERS:
        raise InputError("unknown kind of transform", where=where, expected=", ".join(READERS), got=entry.name)
    if not (np.isfinite(entry.parameters).all() and np.isfinite(entry.fixed).all()):
        raise InputError("the parameters of a transform are not finite", where=where, got=entry.name)
    with told_with_file(f"{where}, {entry.name}"):
        return READERS[entry.name](entry.parameters, entry.fixed)


def _counted(values: HostArray, *counts: int) -> HostArray:
    if values.size not in counts:
        raise InputError("wrong number of parameters", expected=" or ".join(map(str, counts)), got=values.size)
    return values


def _center(fixed: HostArray) -> HostArray:
    return _counted(fixed, 0, 3)[:3] if fixed.size else np.zeros(3)


def _affine(p: HostArray, fixed: HostArray) -> Transform:
    _counted(p, 12)
    return Affine(p[:9].reshape(3, 3), p[9:], _center(fixed))


def _euler(p: HostArray, fixed: HostArray) -> Transform:
    _counted(p, 6)
    _counted(fixed, 0, 3, 4)
    order: Any = "ZYX" if fixed.size == 4 and fixed[3] else "ZXY"
    return Rigid.from_euler(p[:3], p[3:], _center(fixed[:3]), order=order)


def _scale_versor(p: HostArray, fixed: HostArray) -> Transform:
    """ScaleVersor3DTransform adds the scales to the diagonal of the rotation, and does not multiply."""
    _counted(p, 9)
    rotation = Rigid(p[:3], np.zeros(3)).rotation
    return Affine(rotation + np.diag(p[6:] - 1), p[3:6], _center(fixed))


def _lattice(fixed: HostArray) -> VolumeGeometry:
    """Size, origin, spacing and direction, all as (x, y, z)."""
    sizes = _counted(fixed, 18)[:3]
    if not (np.array_equal(sizes, np.rint(sizes)) and sizes.min() >= 1 and sizes.max() < 2**20):
        raise InputError("the sizes of a grid are wrong", got=sizes.tolist())
    shape = tuple(int(n) for n in sizes[::-1])
    rows = tuple(map(tuple, fixed[9:].reshape(3, 3)))
    return VolumeGeometry(shape, tuple(fixed[6:9]), tuple(fixed[3:6]), rows)  # type: ignore[arg-type]


def _bspline(p: HostArray, fixed: HostArray) -> Transform:
    lattice = _lattice(fixed)
    _counted(p, 3 * int(np.prod(lattice.shape, dtype=object)))
    return BSpline(np.ascontiguousarray(np.moveaxis(p.reshape(3, *lattice.shape), 0, -1)), lattice)


def _field(p: HostArray, fixed: HostArray) -> Transform:
    grid = _lattice(fixed)
    _counted(p, 3 * int(np.prod(grid.shape, dtype=object)))
    return DisplacementField(p.reshape(*grid.shape, 3), grid)


READERS: dict[str, Callable[[HostArray, HostArray], Transform]] = {
    "IdentityTransform": lambda p, fixed: Translation(np.zeros(3)),
    "TranslationTransform": lambda p, fixed: Translation(_counted(p, 3)),
    "Euler3DTransform": _euler,
    "VersorTransform": lambda p, fixed: Rigid(_counted(p, 3), np.zeros(3), center=_center(fixed)),
    "VersorRigid3DTransform": lambda p, fixed: Rigid(_counted(p, 6)[:3], p[3:], center=_center(fixed)),
    "Similarity3DTransform": lambda p, fixed: Similarity(_counted(p, 7)[:3], p[3:6], float(p[6]), _center(fixed)),
    "ScaleVersor3DTransform": _scale_versor,
    "AffineTransform": _affine,
    "MatrixOffsetTransformBase": _affine,
    "BSplineTransform": _bspline,
    "DisplacementFieldTransform": _field,
}
"""By ITK's names; MatrixOffsetTransformBase is what ANTs calls some of its affine transforms."""


def _entry(part: Transform) -> StoredTransform:
    if isinstance(part, VelocityField):
        part = part.displacement
    for kind, write in WRITERS.items():
        if isinstance(part, kind):
            return write(part)
    raise SpecError(
        "this transform has no form in ITK's files", got=type(part).__name__, do="sample it as a displacement field"
    )


def _stored(name: str, parameters: Any, fixed: Any) -> StoredTransform:
    return StoredTransform(
        f"{name}_double_3_3", np.array(parameters, np.float64).ravel(), np.array(fixed, np.float64).ravel()
    )


def _grid_parameters(grid: VolumeGeometry) -> list[float]:
    return [*grid.shape[::-1], *grid.origin, *grid.spacing, *np.ravel(grid.direction)]


WRITERS: dict[type[Transform], Callable[[Any], StoredTransform]] = {
    Translation: lambda t: _stored("TranslationTransform", t.translation, ()),
    Rigid: lambda t: _stored("VersorRigid3DTransform", [*t.versor, *t.translation], t.center),
    Similarity: lambda t: _stored("Similarity3DTransform", [*t.versor, *t.translation, t.scale], t.center),
    Affine: lambda t: _stored("AffineTransform", [*t.matrix.ravel(), *t.translation], t.center),
    BSpline: lambda t: _stored(
        "BSplineTransform", np.moveaxis(to_host(t.coefficients), -1, 0), _grid_parameters(t.lattice)
    ),
    DisplacementField: lambda t: _stored("DisplacementFieldTransform", to_host(t.array), _grid_parameters(t.geometry)),
}
"""A rigid transform is a similarity too: the first that fits counts."""
