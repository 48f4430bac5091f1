"""The geometry of a cone-beam scanner from the shadows of balls."""

from scanmill.algorithms.preparation.calibration.ball_fit import USUAL, Calibration, Freedom, calibrate, describe
from scanmill.algorithms.preparation.calibration.balls import BallTracks, find_balls
from scanmill.algorithms.preparation.calibration.misalignment import Misalignment, misaligned, project_points
from scanmill.algorithms.preparation.calibration.rectify import Rectified, rectify

__all__ = [
    "USUAL",
    "BallTracks",
    "Calibration",
    "Freedom",
    "Misalignment",
    "Rectified",
    "calibrate",
    "describe",
    "find_balls",
    "misaligned",
    "project_points",
    "rectify",
]
