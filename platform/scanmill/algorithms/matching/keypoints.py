"""Points that can be found again, with what they look like: SIFT. The home of OpenCV."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scanmill.arrays import Array, HostArray, to_host
from scanmill.errors import InputError, ResourceError

QUANTILES = (1.0, 99.0)
"""The percentiles of an image that become 0 and 255, so that one bright voxel does not darken all others."""
LEAST_PIXELS = 8


@dataclass(frozen=True, eq=False)
class Keypoints:
    """``points`` (n, 2), float64 (x, y) in pixels, a pixel's centre is whole; ``descriptors`` (n, 128) of length 1."""

    points: HostArray
    descriptors: HostArray

    def __len__(self) -> int:
        return len(self.points)


def keypoints(image: Array, *, n_most: int = 1000, contrast: float = 0.02) -> Keypoints:
    """SIFT of a slice (y, x), or of a volume of one plane, scaled to 8 bits by its percentiles.

    D. G. Lowe, Int. J. Comput. Vis. 60 (2004) 91-110, as OpenCV has it; descriptors are the square roots of theirs
    normalised to a sum of 1 (RootSIFT: R. Arandjelović, A. Zisserman, CVPR 2012). At most ``n_most``, those of the
    greatest contrast; ``contrast`` is half of OpenCV's default, for soft tissue. A flat image has none. The same image
    gives the same bytes, whatever the threads. Raises InputError for anything but one real, finite plane, and
    ResourceError where OpenCV is not installed.

    >>> y, x = np.mgrid[:64, :64]
    >>> found = keypoints(np.exp(-((y - 20.0) ** 2 + (x - 40.0) ** 2) / 50))
    >>> bool(np.hypot(*(found.points - (40, 20)).T).min() < 0.5)
    True
    """
    eight_bit = _eight_bit(image)
    try:
        import cv2
    except ImportError as error:
        raise ResourceError("local matching needs OpenCV", do="pip install opencv-python-headless") from error
    detector = cv2.SIFT_create(n_most, 3, contrast, enable_precise_upscale=True)  # type: ignore[attr-defined,unused-ignore]
    found, described = detector.detectAndCompute(eight_bit, None)
    if not found:
        return Keypoints(np.zeros((0, 2)), np.zeros((0, 128), np.float32))
    points = np.array([point.pt for point in found], dtype=np.float64)
    order = np.lexsort((points[:, 0], points[:, 1]))
    shares = described / np.maximum(described.sum(axis=1, keepdims=True), 1e-12)
    return Keypoints(points[order], np.sqrt(shares)[order].astype(np.float32))


def _eight_bit(image: Array) -> HostArray:
    """The plane from 0 to 255; zeros where it has one value."""
    plane = to_host(image)
    plane = plane[0] if plane.ndim == 3 and plane.shape[0] == 1 else plane
    if plane.ndim != 2 or min(plane.shape) < LEAST_PIXELS:
        raise InputError("keypoints need one plane", expected=f"(y, x) of {LEAST_PIXELS} or more", got=plane.shape)
    if plane.dtype.kind == "c" or not np.isfinite(plane).all():
        raise InputError("keypoints need real, finite pixels", got=plane.dtype)
    lower, upper = np.percentile(plane.astype(np.float64), QUANTILES)
    scale = 255 / (upper - lower) if upper > lower else 0.0
    return np.asarray(np.round(np.clip((plane - lower) * scale, 0, 255)).astype(np.uint8))
