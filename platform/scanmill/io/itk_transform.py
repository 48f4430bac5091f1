"""Transforms of ITK, SimpleITK, ANTs and elastix: ``.tfm`` and ``.txt``, ``.h5`` and ``.hdf5``, ``.mat``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from scanmill.data.transforms import Transform
from scanmill.errors import SpecError
from scanmill.io import itk_hdf5, itk_matlab, itk_text
from scanmill.io.itk_parameters import StoredTransform, entries_of, transform_of

Reader = Callable[[Path], list[StoredTransform]]
Writer = Callable[[Path, Sequence[StoredTransform]], None]
FORMATS: dict[str, tuple[Reader, Writer]] = {
    ".tfm": (itk_text.read, itk_text.write),
    ".txt": (itk_text.read, itk_text.write),
    ".h5": (itk_hdf5.read, itk_hdf5.write),
    ".hdf5": (itk_hdf5.read, itk_hdf5.write),
    ".mat": (itk_matlab.read, itk_matlab.write),
}


def read_itk_transform(path: Path) -> Transform:
    """A transform in the form that the file gives it; composites become chains.

    ITK's direction and unit are ours: fixed points to moving ones, LPS mm. Raises InputError for a broken file, a
    transform of 2D space, a kind that has no equal here, or wrong parameters; SpecError for another suffix.
    """
    return transform_of(_format(path)[0](path), path.name)


def write_itk_transform(path: Path, transform: Transform) -> None:
    """The same as a file, float64; the same transform gives the same bytes.

    Velocity fields are written as the displacements of their exponential. Raises SpecError for another suffix, for an
    inverse that is an iteration, and for a chain as ``.mat``.
    """
    _format(path)[1](path, entries_of(transform))


def _format(path: Path) -> tuple[Reader, Writer]:
    if path.suffix.lower() not in FORMATS:
        raise SpecError("unknown suffix of a transform", where=path.name, expected=", ".join(FORMATS))
    return FORMATS[path.suffix.lower()]
