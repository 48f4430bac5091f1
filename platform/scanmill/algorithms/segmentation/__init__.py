"""From an image to labels."""

from scanmill.algorithms.segmentation.otsu import otsu_threshold

__all__ = ["otsu_threshold"]
