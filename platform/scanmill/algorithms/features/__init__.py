"""What an image, a volume or a region shows, in numbers: measured, learned from a cohort, combined to one vector."""

from scanmill.algorithms.features.box import Box, Region, box_of, cut_out
from scanmill.algorithms.features.canonical import CanonicalGrid, canonical_image
from scanmill.algorithms.features.cooccurrence import cooccurrence_matrices
from scanmill.algorithms.features.default import default_embedding
from scanmill.algorithms.features.embedding import Embedding
from scanmill.algorithms.features.grey_levels import grey_levels, level_statistics
from scanmill.algorithms.features.hog import hog
from scanmill.algorithms.features.hog_3d import hog_3d
from scanmill.algorithms.features.intensity_profile import intensity_profile
from scanmill.algorithms.features.intensity_statistics import intensity_statistics
from scanmill.algorithms.features.learned import lda, pca, whitening
from scanmill.algorithms.features.local_binary_pattern import local_binary_pattern, pattern_histogram
from scanmill.algorithms.features.moments import CohortMoments
from scanmill.algorithms.features.onnx_model import OnnxModel
from scanmill.algorithms.features.part import Part
from scanmill.algorithms.features.projection import Projection
from scanmill.algorithms.features.shape import shape_features, shapes_of_labels
from scanmill.algorithms.features.surface_mesh import surface_mesh
from scanmill.algorithms.features.texture import texture_features

__all__ = [
    "Box",
    "CanonicalGrid",
    "CohortMoments",
    "Embedding",
    "OnnxModel",
    "Part",
    "Projection",
    "Region",
    "box_of",
    "canonical_image",
    "cooccurrence_matrices",
    "cut_out",
    "default_embedding",
    "grey_levels",
    "hog",
    "hog_3d",
    "intensity_profile",
    "intensity_statistics",
    "lda",
    "level_statistics",
    "local_binary_pattern",
    "pattern_histogram",
    "pca",
    "shape_features",
    "shapes_of_labels",
    "surface_mesh",
    "texture_features",
    "whitening",
]
