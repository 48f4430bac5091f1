"""Displacement fields as NIfTI: what ANTs, greedy and ITK write, and what the standard says."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np

from scanmill.arrays import HostArray, to_host
from scanmill.data.transforms import DisplacementField
from scanmill.errors import InputError
from scanmill.io.array_info import MAX_BYTES
from scanmill.io.nifti import grid_of, nifti_image, opened_nifti, save_nifti
from scanmill.io.told_with_file import told_with_file
from scanmill.io.voxel_limit import check_voxels

DISPLACEMENT, VECTOR = 1006, 1007
"""NIfTI's intents: of the first, vectors are RAS like everything else in the format; of the second, ITK's are LPS."""
COMPONENTS = {DISPLACEMENT: "ras", VECTOR: "lps"}
MM = (0, 2)
"""The codes for an unknown unit and for mm."""


def read_displacement_field(
    path: Path, *, components: Literal["lps", "ras"] | None = None, max_bytes: int = MAX_BYTES
) -> DisplacementField:
    """A field of (x, y, z, 1, 3) or (x, y, z, 3) vectors in mm, as float32 in LPS.

    ``components`` says along which axes the vectors are counted; None takes the file's intent: 1007 (vector: ANTs,
    greedy, ITK) is LPS, 1006 (displacement vector) is RAS. FNIRT's warps are neither. Raises InputError for another
    intent, shape or unit, vectors that are not finite, and whatever `read_nifti` refuses.
    """
    with np.errstate(all="ignore"), opened_nifti(path) as image:
        shape = _shape(image, path)
        axes = components or _components(image, path)
        geometry = grid_of(image, shape, path)
        check_voxels(shape, where=path.name, bytes_per_voxel=12, max_bytes=max_bytes)
        if np.dtype(image.get_data_dtype()).kind not in "iuf":
            raise InputError("displacements must be real numbers", where=path.name, got=image.get_data_dtype())
        stored: HostArray = np.asarray(image.dataobj, dtype=np.float32)
        array = np.ascontiguousarray(np.moveaxis(stored.reshape(*shape[::-1], 3).T, 0, -1))
    if axes == "ras":
        array *= np.array([-1, -1, 1], np.float32)
    with told_with_file(path.name):
        return DisplacementField(array, geometry)


def write_displacement_field(path: Path, field: DisplacementField, *, compresslevel: int = 1) -> None:
    """As ANTs and ITK read it: float32 (x, y, z, 1, 3), intent 1007, LPS mm; the same field gives the same bytes."""
    vectors = np.asarray(to_host(field.array), np.float32)
    nifti = nifti_image(np.moveaxis(vectors, -1, 0).T[:, :, :, None], field.geometry, b"")
    nifti.header.set_intent(VECTOR)
    save_nifti(path, nifti, compresslevel)


def _shape(image: Any, path: Path) -> tuple[int, int, int]:
    sizes = tuple(int(n) for n in image.shape)
    if len(sizes) not in (4, 5) or sizes[3:] not in ((3,), (1, 3)) or min(sizes) < 1:
        raise InputError("not a displacement field", where=path.name, expected="(x, y, z, 1, 3) vectors", got=sizes)
    if int(image.header["xyzt_units"]) & 7 not in MM:
        raise InputError("displacements must be in mm", where=path.name)
    return sizes[2], sizes[1], sizes[0]


def _components(image: Any, path: Path) -> str:
    intent = int(image.header["intent_code"])
    if intent not in COMPONENTS:
        raise InputError(
            "the file does not say what its vectors are", where=path.name,
            expected=f"intent {VECTOR} (LPS) or {DISPLACEMENT} (RAS)", got=intent, do="say components='lps' or 'ras'",
        )  # fmt: skip
    return COMPONENTS[intent]
