"""Maps of points between images, in LPS mm: what registration finds, and what an image is resampled by."""

from scanmill.data.transforms.bspline import BSpline
from scanmill.data.transforms.displacement import DisplacementField
from scanmill.data.transforms.jacobian import jacobian_determinant
from scanmill.data.transforms.linear import Affine, LinearTransform, Rigid, Similarity, Translation
from scanmill.data.transforms.transform import Chain, FixedPointInverse, Transform, parts_of
from scanmill.data.transforms.velocity import VelocityField

__all__ = [
    "Affine",
    "BSpline",
    "Chain",
    "DisplacementField",
    "FixedPointInverse",
    "LinearTransform",
    "Rigid",
    "Similarity",
    "Transform",
    "Translation",
    "VelocityField",
    "jacobian_determinant",
    "parts_of",
]
