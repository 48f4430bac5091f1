"""Several images, features or decisions of one scene become one."""

from scanmill.algorithms.fusion.decisions import majority_vote, weighted_probability
from scanmill.algorithms.fusion.fuse import IN_BANDS, Method, fuse
from scanmill.algorithms.fusion.guided import guided_two_scale
from scanmill.algorithms.fusion.pyramids import laplacian_pyramid, ratio_pyramid
from scanmill.algorithms.fusion.ranges import unit_ranges
from scanmill.algorithms.fusion.regions import by_regions
from scanmill.algorithms.fusion.rules import Rule
from scanmill.algorithms.fusion.saliency import joint_edges, saliency_weighted
from scanmill.algorithms.fusion.shearlets import shearlets
from scanmill.algorithms.fusion.staple import Staple, staple
from scanmill.algorithms.fusion.vectors import fuse_vectors
from scanmill.algorithms.fusion.wavelets import dwt, swt
from scanmill.algorithms.fusion.weighted import pca, pca_weights, weighted_average

__all__ = [
    "IN_BANDS",
    "Method",
    "Rule",
    "Staple",
    "by_regions",
    "dwt",
    "fuse",
    "fuse_vectors",
    "guided_two_scale",
    "joint_edges",
    "laplacian_pyramid",
    "majority_vote",
    "pca",
    "pca_weights",
    "ratio_pyramid",
    "saliency_weighted",
    "shearlets",
    "staple",
    "swt",
    "unit_ranges",
    "weighted_average",
    "weighted_probability",
]
