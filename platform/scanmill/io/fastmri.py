"""fastMRI raw data: fully or under-sampled Cartesian slices in HDF5, without position or direction.

The layout is that of Zbontar et al. (arXiv:1811.08839, section 4): ``kspace`` (slice, coil, readout, phase), or without
coil, ``ismrmrd_header``, in test sets ``mask`` (phase), and ``reconstruction_rss`` or ``reconstruction_esc`` (slice,
row, column). Here y is the readout and x the phase, so that images lie as they do there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from scanmill.arrays import HostArray
from scanmill.data import KSpace, Volume
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry
from scanmill.io import hdf5
from scanmill.io.array_info import MAX_BYTES
from scanmill.io.complex_samples import complex_samples
from scanmill.io.ismrmrd_header import Encoding, IsmrmrdHeader, parse_header
from scanmill.io.kspace_facts import KSpaceFacts
from scanmill.io.readout import cropped_fov, middle
from scanmill.io.voxel_limit import check_voxels

IMAGES = ("reconstruction_rss", "reconstruction_esc")
ACQUISITIONS = frozenset({"CORPD_FBK", "CORPDFS_FBK", "AXT1", "AXT1PRE", "AXT1POST", "AXT2", "AXFLAIR"})
"""The published values of the attribute ``acquisition``; others may be anything, a name too, and are not shown."""


@dataclass(frozen=True, eq=False)
class FastMri:
    """One file, opened: headers read and checked, samples not yet. ``image`` names its reconstruction, if it has one.

    ``maximum`` and ``norm`` are those of that image; ``protected`` holds what identifies, for the protected table.
    """

    path: Path = field(repr=False)
    header: IsmrmrdHeader
    shape: tuple[int, int, int, int]
    columns_measured: HostArray | None
    acceleration: float
    image: str = ""
    acquisition: str = ""
    maximum: float | None = None
    norm: float | None = None
    protected: Mapping[str, str] = field(repr=False, default_factory=dict)

    @property
    def encoding(self) -> Encoding:
        """What was encoded; x is the readout there."""
        return self.header.encodings[0]

    @cached_property
    def geometry(self) -> VolumeGeometry:
        """The grid of the encoded image without the readout's oversampling, around the isocentre."""
        n_slices, _, _, n_phase = self.shape
        readout, phase, _ = self.encoding.encoded.spacing
        thickness = self.encoding.recon.fov[2] / self.encoding.recon.matrix[2]
        return VolumeGeometry.centered((n_slices, self.encoding.kept[0], n_phase), (phase, readout, thickness))

    @cached_property
    def recon(self) -> VolumeGeometry | None:
        """The part of it that the header's reconSpace asks for, or None where that is all."""
        nz, ny, nx = self.geometry.shape
        kept = self.encoding.kept[1]
        return None if kept == nx else self.geometry.crop(middle(nz, nz), middle(ny, ny), middle(nx, kept))

    @property
    def facts(self) -> KSpaceFacts:
        """What a cohort tells of it."""
        return KSpaceFacts(
            self.geometry, self.recon, 1, self.shape[1], "cartesian", acceleration=round(self.acceleration, 3)
        )

    def kspace(self) -> KSpace:
        """The k-space, read now slice by slice, the readout's oversampling removed."""
        n_slices, n_coils, _, n_phase = self.shape
        array = np.empty((1, n_slices, n_coils, 1, self.encoding.kept[0], n_phase), np.complex64)
        measured = np.zeros(n_phase, dtype=bool)
        with hdf5.open_dataset(self.path, "kspace") as dataset:
            for number in range(n_slices):
                stored = np.asarray(dataset[number]).reshape(self.shape[1:])
                samples = complex_samples(stored, self.path.name, f"the samples of slice {number}")
                measured |= (samples != 0).any(axis=(0, 1))
                array[0, number, :, 0] = cropped_fov(samples, self.encoding.kept[0], axis=1)
        if self.columns_measured is not None:
            measured &= self.columns_measured
            array[..., ~measured] = 0
        return KSpace(array, self.geometry, None, measured[None, None, None, None], self.recon)

    def reconstruction(self) -> Volume:
        """The image that came with the raw data."""
        if not self.image:
            raise InputError("the file has no reconstruction", where=self.path.name, expected=" or ".join(IMAGES))
        image = hdf5.read(self.path, self.image, MAX_BYTES)
        grid = self.recon or self.geometry
        if image.dtype.kind not in "iuf" or not np.isfinite(image).all():
            raise InputError("the reconstruction must be finite and real", where=self.path.name, got=image.dtype)
        if image.shape != grid.shape:
            raise InputError(
                "the reconstruction does not fit the header", where=self.path.name, expected=grid.shape, got=image.shape
            )
        return Volume(np.asarray(image, dtype=np.float32), grid)


def looks_like_fastmri(path: Path) -> bool:
    """Whether the HDF5 file has ``kspace`` at its root, and no groups of ISMRMRD."""
    with hdf5.open_file(path) as file:
        return _is_own(file, "kspace") and getattr(file["kspace"], "ndim", 0) in (3, 4)


def open_fastmri(path: Path) -> FastMri:
    """Read and check the headers of a file; InputError names what is missing or does not fit."""
    with hdf5.open_file(path) as file:
        dataset = hdf5.dataset_at(file, path, "kspace")
        stored, kind = tuple(int(n) for n in dataset.shape), dataset.dtype.kind
        if not _is_own(file, "ismrmrd_header"):
            raise InputError("the file has no header", where=path.name, expected="ismrmrd_header")
        text = np.asarray(hdf5.dataset_at(file, path, "ismrmrd_header")[()]).reshape(-1)[0]
        mask = np.asarray(hdf5.dataset_at(file, path, "mask")[()]).reshape(-1) if _is_own(file, "mask") else None
        image = next((name for name in IMAGES if _is_own(file, name)), "")
        attributes = {
            name: file.attrs[name] for name in ("acquisition", "patient_id", "max", "norm") if name in file.attrs
        }
        middle_line = np.asarray(dataset[_middle_line(stored)]) if kind == "c" and len(stored) in (3, 4) else None
    if middle_line is None:
        raise InputError("k-space must be complex (slice, coil, readout, phase)", where=path.name, got=stored)
    header = parse_header(text if isinstance(text, bytes) else str(text), path.name)
    shape = (stored[0], stored[1] if len(stored) == 4 else 1, stored[-2], stored[-1])
    _check(header, shape, path)
    chosen = None if mask is None else _mask(mask, shape[3], path)
    acquisition, patient = (_text(attributes.get(name)) for name in ("acquisition", "patient_id"))
    return FastMri(
        path,
        header,
        shape,
        chosen,
        shape[3] / max(int(np.count_nonzero(middle_line if chosen is None else chosen)), 1),
        image,
        acquisition if acquisition in ACQUISITIONS else "",
        _number(attributes.get("max")),
        _number(attributes.get("norm")),
        {**header.protected, **({"PatientID": patient} if patient else {})},
    )


def _is_own(file: Any, name: str) -> bool:
    """Whether the root has ``name`` itself, not a link to elsewhere."""
    import h5py

    return isinstance(file.get(name, getlink=True), h5py.HardLink)


def _middle_line(shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Where one line of the first coil through the middle of k-space stands."""
    return (shape[0] // 2, *((0,) if len(shape) == 4 else ()), shape[-2] // 2, slice(None))


def _check(header: IsmrmrdHeader, shape: tuple[int, int, int, int], path: Path) -> None:
    if len(header.encodings) != 1:
        raise InputError("the header needs one encoding", where=path.name, got=len(header.encodings))
    matrix = header.encodings[0].encoded.matrix
    if matrix != (*shape[2:], 1):
        raise InputError(
            "k-space does not fit the encoded matrix of the header",
            where=path.name,
            expected=f"{matrix[0]} x {matrix[1]} (readout x phase), one partition",
            got=f"{shape[2]} x {shape[3]}, {matrix[2]} partitions",
        )
    check_voxels(shape, where=path.name, bytes_per_voxel=8)


def _mask(mask: HostArray, n_phase: int, path: Path) -> HostArray:
    if mask.dtype.kind not in "biuf" or len(mask) != n_phase:
        raise InputError("the mask does not fit k-space", where=path.name, expected=n_phase, got=len(mask))
    chosen: HostArray = mask != 0
    if not chosen.any():
        raise InputError("the mask is empty", where=path.name, got="no line of k-space")
    return chosen


def _text(value: Any) -> str:
    return (
        (value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)).strip()
        if value is not None
        else ""
    )


def _number(value: Any) -> float | None:
    """A number that may stand as text, or be absent."""
    try:
        number = float(_text(value))
    except ValueError:
        return None
    return number if math.isfinite(number) else None
