"""A scan with a cylindrical detector seen from a grid: every detector column is a flat detector of one column."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.geometry.scanner import Beam
from scanmill.operators.projection_frames import Frames, frames_of


@dataclass(frozen=True, eq=False)
class ArcFrames:
    """What `Frames` is for a flat detector; the rays of a column are computed when they are asked for.

    ``tangent`` are the frames of the flat detector that touches the cylinder in its middle.
    """

    volume_geometry: VolumeGeometry
    scan: ScanGeometry
    tangent: Frames

    @property
    def beam(self) -> Beam:
        """Fan or cone."""
        return self.scan.beam

    @property
    def diverging(self) -> bool:
        """Whether the rays of a view start at a focal spot: they do."""
        return True

    @property
    def n_views(self) -> int:
        """The number of views."""
        return self.scan.n_views

    @property
    def n_rows(self) -> int:
        """The number of detector rows."""
        return self.scan.n_rows

    @property
    def n_columns(self) -> int:
        """The number of detector columns."""
        return self.scan.n_columns

    @property
    def shape(self) -> tuple[int, int, int]:
        """The grid's (z, y, x)."""
        return self.tangent.shape

    @property
    def spacing(self) -> tuple[float, float, float]:
        """The voxel size in mm (x, y, z)."""
        return self.tangent.spacing

    def flipped_rows(self) -> ArcFrames:
        """The same rays with the rows counted from the other end."""
        return replace(self, scan=replace(self.scan, row_step=-self.scan.row_step), tangent=self.tangent.flipped_rows())

    def unrolled(self, views: slice) -> Frames:
        """The frames of (view column) views of one column each."""
        return frames_of(self.volume_geometry, columns_as_views(self.scan.views(views)), whole=False)

    def arcs(self, stacked: bool = False) -> HostArray:
        """(view, 5): how a ray to the tangent detector meets the cylinder; see `scanmill.kernels.rays`."""
        scan = self.scan
        assert scan.arc_center is not None
        radial, spot = scan.detector - scan.arc_center, scan.source - scan.arc_center
        axes = (radial, scan.column_step, scan.row_step)
        radius, pitch, _ = (np.linalg.norm(axis, axis=1) for axis in axes)
        along, across, up = (np.einsum("ij,ij->i", spot, axis) / np.einsum("ij,ij->i", axis, axis) for axis in axes)
        step = pitch / radius
        row = up + (scan.n_rows - 1) / 2
        return np.stack([along, across * step, step, row, np.full_like(row, 0.0 if stacked else 1.0)], axis=1)


def arc_frames_of(volume_geometry: VolumeGeometry, scan: ScanGeometry) -> ArcFrames:
    """The rays of a scan with a cylindrical detector.

    Raises `InputError` where a focal spot lies within the grid or beside it, or far from the arc's centre.
    """
    tangent = frames_of(volume_geometry, replace(scan, arc_center=None))
    frames = ArcFrames(volume_geometry, scan, tangent)
    along, across = frames.arcs().T[:2]
    if np.any(along**2 + across**2 >= 0.5):
        raise InputError("a focal spot stands too far from the arc's centre", expected="0.7 of its radius at most")
    return frames


def columns_as_views(scan: ScanGeometry) -> ScanGeometry:
    """A scan with a cylindrical detector as one with a flat detector of one column and (view column) views.

    >>> scan = ScanGeometry.fan([0.0, 1.0], 5, 1.0, source_to_isocenter=50, source_to_detector=90,
    ...                         detector_shape="cylindrical")
    >>> columns_as_views(scan).shape
    (10, 1, 1)
    """
    assert scan.arc_center is not None
    radial = (scan.detector - scan.arc_center)[:, None]
    radius = np.linalg.norm(radial, axis=-1, keepdims=True)
    step = scan.column_spacing[:, None, None]
    tangent = scan.column_step[:, None] * (radius / step)
    gamma = (np.arange(scan.n_columns) - (scan.n_columns - 1) / 2)[:, None] * step / radius
    cosine, sine = np.cos(gamma), np.sin(gamma)
    detector = scan.arc_center[:, None] + cosine * radial + sine * tangent
    column_step = (cosine * tangent - sine * radial) * (step / radius)
    source, row_step = (np.repeat(pose, scan.n_columns, axis=0) for pose in (scan.source, scan.row_step))
    return ScanGeometry(
        scan.beam, source, detector.reshape(-1, 3), column_step.reshape(-1, 3), row_step, scan.n_rows, 1
    )
