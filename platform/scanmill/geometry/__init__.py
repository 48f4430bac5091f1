"""Where things are: voxels in patient space (`grid`), rays through a scanner (`scanner`). LPS millimetres."""

from scanmill.geometry.grid import VolumeGeometry
from scanmill.geometry.scanner import ScanGeometry

__all__ = ["ScanGeometry", "VolumeGeometry"]
