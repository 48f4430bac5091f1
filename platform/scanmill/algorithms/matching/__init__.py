"""Why are two images alike: points that look the same, whether they lie the same, and the picture of it."""

from scanmill.algorithms.matching.consensus import Consensus, consensus
from scanmill.algorithms.matching.dense import DenseMatch, dense_match
from scanmill.algorithms.matching.keypoints import Keypoints, keypoints
from scanmill.algorithms.matching.local_match import LocalMatch, match
from scanmill.algorithms.matching.matches import Matches, mutual_matches
from scanmill.algorithms.matching.picture import why_alike
from scanmill.algorithms.matching.reranking import reranked

__all__ = [
    "Consensus",
    "DenseMatch",
    "Keypoints",
    "LocalMatch",
    "Matches",
    "consensus",
    "dense_match",
    "keypoints",
    "match",
    "mutual_matches",
    "reranked",
    "why_alike",
]
