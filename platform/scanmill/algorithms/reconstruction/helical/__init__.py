"""Helical scans: rays rebinned to parallels, weighted filtered backprojection, and the z that a helix sees."""

from scanmill.algorithms.reconstruction.helical.coverage import is_helical, pitch, seen_z
from scanmill.algorithms.reconstruction.helical.helix import Helix, helix_of
from scanmill.algorithms.reconstruction.helical.wfbp import wfbp, wfbp_and_unseen

__all__ = ["Helix", "helix_of", "is_helical", "pitch", "seen_z", "wfbp", "wfbp_and_unseen"]
