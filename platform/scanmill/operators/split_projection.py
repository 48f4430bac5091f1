"""X-ray projection in parts: slabs of slices and chunks of views, for a device that is too small for the whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from scanmill.arrays import Array, HostArray, device_of, to_device, xp_of
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.operators.cone_reach import views_meeting
from scanmill.operators.linear import LinearOperator
from scanmill.operators.projection import Ownership, ProjectionOp, plan_projection
from scanmill.operators.projection_frames import frames_of, is_flat
from scanmill.operators.projection_memory import predict_bytes


class SplitProjectionOp(LinearOperator):
    """The same operator as `ProjectionOp`, never holding more than ``budget_bytes`` on the device at once.

    x and y stay where the caller keeps them, on the host for a device that is too small; parts of them travel. Line
    integrals are linear in the voxels, so slabs add up exactly. A slab meets only the views whose cone can reach it;
    the slices of parallel and fan stacks meet only their own rows. ``op.n_slabs`` and ``op.n_chunks`` tell how it was
    cut; `InputError` with the number where not even one slice and one view fit.

    >>> grid = VolumeGeometry.centered((4, 8, 8))
    >>> scan = ScanGeometry.cone([0.0, 1.0], 8, 1.0, n_rows=4, row_spacing=1.0,
    ...                          source_to_isocenter=50.0, source_to_detector=60.0)
    >>> split = SplitProjectionOp(grid, scan, budget_bytes=20_000)
    >>> x = np.ones(grid.shape, np.float32)
    >>> split.n_slabs * split.n_chunks > 1, np.allclose(split(x), ProjectionOp(grid, scan)(x), rtol=1e-6)
    (True, True)
    """

    def __init__(
        self,
        volume_geometry: VolumeGeometry,
        scan: ScanGeometry,
        *,
        budget_bytes: int,
        dtype: Any = np.float32,
        device: str = "cpu",
    ) -> None:
        super().__init__(volume_geometry.shape, scan.shape, dtype)
        self.volume_geometry, self.scan, self.device, self.budget_bytes = volume_geometry, scan, device, budget_bytes
        self.ownership = plan_projection(volume_geometry, scan, device, None)[1]
        self.n_slabs, self.n_chunks = plan_split(
            volume_geometry, scan, budget_bytes, dtype=self.dtype, device=device, ownership=self.ownership
        )
        self._stacked = is_stacked(volume_geometry, scan)

    def _apply(self, x: Array) -> Array:
        out = xp_of(x).zeros(self.out_shape, self.dtype)
        for slab, rows, views, op in self._parts():
            part = op(to_device(x[slab], self.device))
            _add(out, views, rows, to_device(part, device_of(out)))
        return out

    def _adjoint(self, y: Array) -> Array:
        out = xp_of(y).zeros(self.in_shape, self.dtype)
        for slab, rows, views, op in self._parts():
            part = op.H(to_device(y[views, rows], self.device))
            out[slab] += to_device(part, device_of(out))
        return out

    def subset(self, views: slice | npt.ArrayLike) -> SplitProjectionOp:
        """The operator of some views (a slice, indices or a mask), cut anew for the same budget."""
        return SplitProjectionOp(
            self.volume_geometry,
            self.scan.views(views),
            budget_bytes=self.budget_bytes,
            dtype=self.dtype,
            device=self.device,
        )

    def _parts(self) -> Iterator[tuple[slice, slice, HostArray, ProjectionOp]]:
        """Slices, rows, views and the operator between them, in a fixed order."""
        for slab in _pieces(self.volume_geometry.shape[0], self.n_slabs):
            grid = self.volume_geometry.crop(slab, slice(None), slice(None))
            rows = slab if self._stacked else slice(0, self.scan.n_rows)
            meeting = views_meeting(grid, self.scan)
            for piece in _pieces(self.scan.n_views, self.n_chunks):
                views = meeting[(meeting >= piece.start) & (meeting < piece.stop)]
                if len(views):
                    scan = rows_of(self.scan.views(views), rows)
                    op = ProjectionOp(grid, scan, dtype=self.dtype, device=self.device, ownership=self.ownership)
                    yield slab, rows, views, op


def plan_split(
    volume_geometry: VolumeGeometry,
    scan: ScanGeometry,
    budget_bytes: int,
    *,
    dtype: Any = np.float32,
    device: str = "cpu",
    ownership: Ownership | None = None,
) -> tuple[int, int]:
    """How many slabs of slices and chunks of views to cut, so that a part needs at most ``budget_bytes``.

    The larger of slab and chunk is halved until a part fits.
    """
    n_slabs, n_chunks = 1, 1
    nz, stacked = volume_geometry.shape[0], is_stacked(volume_geometry, scan)
    while True:
        slab, views = next(_pieces(nz, n_slabs)), next(_pieces(scan.n_views, n_chunks))
        grid = volume_geometry.crop(slab, slice(None), slice(None))
        part = rows_of(scan.views(views), slab if stacked else slice(0, scan.n_rows))
        needed = predict_bytes(grid, part, dtype=dtype, device=device, ownership=ownership)
        if needed <= budget_bytes:
            return n_slabs, n_chunks
        if n_slabs >= nz and n_chunks >= scan.n_views:
            raise InputError(
                "a slice and a view would not fit into memory", expected=f"at most {budget_bytes} bytes",
                got=f"{needed} bytes", do="choose a smaller grid, or a device with more memory",
            )  # fmt: skip
        thin = n_slabs < nz and (n_chunks >= scan.n_views or np.prod(grid.shape) >= np.prod(part.shape))
        n_slabs, n_chunks = (min(2 * n_slabs, nz), n_chunks) if thin else (n_slabs, min(2 * n_chunks, scan.n_views))


def is_stacked(volume_geometry: VolumeGeometry, scan: ScanGeometry) -> bool:
    """Whether row r of the scan is slice r of the grid, and meets no other."""
    return scan.beam == "fan" or (scan.beam == "parallel" and is_flat(frames_of(volume_geometry, scan.views([0]))))


def rows_of(scan: ScanGeometry, rows: slice) -> ScanGeometry:
    """The scan that holds only the detector rows ``rows.start`` to ``rows.stop``."""
    if (rows.start, rows.stop) == (0, scan.n_rows):
        return scan
    offset = ((rows.start + rows.stop - 1) / 2 - (scan.n_rows - 1) / 2) * scan.row_step
    source = scan.source if scan.beam == "cone" else scan.source + offset
    arc_center = None if scan.arc_center is None else scan.arc_center + offset
    return replace(
        scan, source=source, detector=scan.detector + offset, arc_center=arc_center, n_rows=rows.stop - rows.start
    )


def _pieces(n: int, n_pieces: int) -> Iterator[slice]:
    """0 ... n in ``n_pieces`` slices of about the same length, the longest first."""
    edges = [-(-n * i // n_pieces) for i in range(n_pieces + 1)]
    return (slice(a, b) for a, b in pairwise(edges))


def _add(out: Array, views: HostArray, rows: slice, part: Array) -> None:
    """Add the rows of some views, view by view."""
    for k, view in enumerate(views):
        out[view, rows] += part[k]
