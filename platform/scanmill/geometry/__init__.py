"""Where things are: voxels in patient space (`grid`), rays through a scanner (`scanner`), points of k-space
(`trajectory`). LPS millimetres, and cycles per field of view."""

from scanmill.geometry.grid import VolumeGeometry
from scanmill.geometry.scanner import ScanGeometry
from scanmill.geometry.trajectory import Trajectory

__all__ = ["ScanGeometry", "Trajectory", "VolumeGeometry"]
