"""From what a scanner measured to an image: pure functions, each named after its paper."""

from scanmill.algorithms.reconstruction.cgls import cgls
from scanmill.algorithms.reconstruction.os_sart import os_sart
from scanmill.algorithms.reconstruction.power_iteration import operator_norm
from scanmill.algorithms.reconstruction.sirt import sirt

__all__ = [
    "cgls",
    "operator_norm",
    "os_sart",
    "sirt",
]
