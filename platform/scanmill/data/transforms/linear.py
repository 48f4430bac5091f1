"""Linear maps: translation, rigid, similarity and affine, with ITK's parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.spatial.transform import Rotation

from scanmill.arrays import Array, HostArray
from scanmill.data.transforms.transform import Transform, apply_affine
from scanmill.errors import InputError
from scanmill.geometry.grid import Triple

ZERO: Triple = (0.0, 0.0, 0.0)
ROTATION_TOLERANCE = 1e-5
"""How far ``matrix @ matrix.T`` may stray from the identity in a rotation that files print with six decimals."""


def finite(name: str, values: Any, shape: tuple[int, ...]) -> HostArray:
    """The values as a read-only float64 array of ``shape``; `InputError` where they are something else."""
    array = np.array(values, dtype=np.float64)
    if array.shape != shape or not np.isfinite(array).all():
        raise InputError(f"{name} of a transform is wrong", expected=f"{shape} finite numbers", got=array.tolist())
    array.setflags(write=False)
    return array


class LinearTransform(Transform):
    """y = M (x - c) + c + t with the ``matrix`` M, the ``translation`` t and the ``center`` c, all in LPS mm."""

    matrix: HostArray
    translation: HostArray
    center: HostArray

    @property
    def affine(self) -> HostArray:
        """The same as one 4x4 matrix."""
        affine = np.eye(4)
        affine[:3, :3] = self.matrix
        affine[:3, 3] = self.center + self.translation - self.matrix @ self.center
        return affine

    def _map(self, points: Array) -> Array:
        return apply_affine(self.affine, points)


@dataclass(frozen=True, eq=False)
class Translation(LinearTransform):
    """y = x + t.

    >>> Translation((1.0, 2.0, 3.0)).map([0.0, 0.0, 0.0]).tolist()
    [1.0, 2.0, 3.0]
    """

    translation: HostArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "translation", finite("the translation", self.translation, (3,)))

    @property
    def center(self) -> HostArray:  # type: ignore[override]
        """A translation turns about nothing."""
        return np.zeros(3)

    @property
    def matrix(self) -> HostArray:  # type: ignore[override]
        """The identity."""
        return np.eye(3)

    def inverse(self) -> Translation:
        """x = y - t."""
        return Translation(-self.translation)


@dataclass(frozen=True, eq=False)
class Similarity(LinearTransform):
    """A turn, one scale for all axes and a shift: M = s R.

    ``versor`` is the vector part of the unit quaternion of R, its scalar part is not negative, as in ITK.
    """

    versor: HostArray
    translation: HostArray
    scale: float = 1.0
    center: HostArray = ZERO  # type: ignore[assignment]

    def __post_init__(self) -> None:
        for name in ("versor", "translation", "center"):
            object.__setattr__(self, name, finite(f"the {name}", getattr(self, name), (3,)))
        if np.linalg.norm(self.versor) > 1 + ROTATION_TOLERANCE:
            raise InputError("a versor is at most 1 long", got=float(np.linalg.norm(self.versor)))
        if not (np.isfinite(self.scale) and self.scale > 0):
            raise InputError("the scale of a similarity must be positive", got=self.scale)

    @property
    def rotation(self) -> HostArray:
        """R, 3x3."""
        scalar = np.sqrt(max(0.0, 1.0 - float(self.versor @ self.versor)))
        return np.asarray(Rotation.from_quat([*self.versor, scalar]).as_matrix())

    @property
    def matrix(self) -> HostArray:  # type: ignore[override]
        """M = s R."""
        return self.scale * self.rotation

    def inverse(self) -> Similarity:
        """The same kind, about the same centre."""
        back = -(self.rotation.T @ self.translation) / self.scale
        return Similarity(-self.versor, back, 1 / self.scale, self.center)


@dataclass(frozen=True, eq=False)
class Rigid(Similarity):
    """A turn and a shift: distances stay.

    >>> quarter = Rigid.from_euler((0.0, 0.0, np.pi / 2), translation=(10.0, 0.0, 0.0))
    >>> quarter.map([1.0, 0.0, 0.0]).round(9).tolist()
    [10.0, 1.0, 0.0]
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scale != 1.0:
            raise InputError("a rigid transform does not scale", got=self.scale)

    @classmethod
    def from_euler(
        cls, angles: Any, translation: Any = ZERO, center: Any = ZERO, *, order: Literal["ZXY", "ZYX"] = "ZXY"
    ) -> Rigid:
        """From angles about x, y and z in rad; R = Rz Rx Ry, ITK's default, or Rz Ry Rx."""
        x, y, z = finite("the angles", angles, (3,))
        turns = {"X": x, "Y": y, "Z": z}
        rotation = Rotation.from_euler(order, [turns[axis] for axis in order])
        return cls(rotation.as_quat(canonical=True)[:3], translation, center=center)

    @classmethod
    def from_matrix(cls, matrix: Any, translation: Any = ZERO, center: Any = ZERO) -> Rigid:
        """From a rotation matrix; `InputError` where it is none."""
        rotation = finite("the rotation", matrix, (3, 3))
        straying = np.abs(rotation @ rotation.T - np.eye(3)).max()
        if straying > ROTATION_TOLERANCE or np.linalg.det(rotation) < 0:
            raise InputError("the matrix is no rotation", got=rotation.tolist(), do="read it as an affine transform")
        return cls(Rotation.from_matrix(rotation).as_quat(canonical=True)[:3], translation, center=center)

    def inverse(self) -> Rigid:
        """The same kind, about the same centre."""
        return Rigid(-self.versor, -(self.rotation.T @ self.translation), center=self.center)


@dataclass(frozen=True, eq=False)
class Affine(LinearTransform):
    """Any linear map that can be undone; `InputError` for a singular matrix.

    >>> double = Affine(np.diag([2.0, 2.0, 2.0]), center=(1.0, 1.0, 1.0))
    >>> double.map([[1.0, 1.0, 1.0], [2.0, 1.0, 0.0]]).tolist()
    [[1.0, 1.0, 1.0], [3.0, 1.0, -1.0]]
    """

    matrix: HostArray
    translation: HostArray = ZERO  # type: ignore[assignment]
    center: HostArray = ZERO  # type: ignore[assignment]

    def __post_init__(self) -> None:
        object.__setattr__(self, "matrix", finite("the matrix", self.matrix, (3, 3)))
        for name in ("translation", "center"):
            object.__setattr__(self, name, finite(f"the {name}", getattr(self, name), (3,)))
        sizes = np.linalg.svd(self.matrix, compute_uv=False)
        if sizes[-1] <= 1e-12 * sizes[0]:
            raise InputError("the matrix of a transform cannot be inverted", got=self.matrix.tolist())

    @classmethod
    def from_affine(cls, affine: Any) -> Affine:
        """From a 4x4 matrix whose last row is (0, 0, 0, 1)."""
        whole = finite("the 4x4 matrix", affine, (4, 4))
        if np.abs(whole[3] - [0, 0, 0, 1]).max() > 1e-6:
            raise InputError("the last row of a 4x4 matrix is wrong", expected=[0, 0, 0, 1], got=whole[3].tolist())
        return cls(whole[:3, :3], whole[:3, 3])

    def inverse(self) -> Affine:
        """About the same centre."""
        back = np.linalg.inv(self.matrix)
        return Affine(back, -(back @ self.translation), self.center)
