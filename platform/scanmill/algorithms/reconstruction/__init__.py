"""From what a scanner measured to an image: pure functions, each named after its paper."""

from scanmill.algorithms.reconstruction.cgls import cgls
from scanmill.algorithms.reconstruction.fbp import fbp
from scanmill.algorithms.reconstruction.fdk import fdk
from scanmill.algorithms.reconstruction.fista_tv import fista_tv
from scanmill.algorithms.reconstruction.iteration import Callback, IterationStatus
from scanmill.algorithms.reconstruction.os_sart import os_sart
from scanmill.algorithms.reconstruction.pdhg_tv import pdhg_tv
from scanmill.algorithms.reconstruction.power_iteration import operator_norm
from scanmill.algorithms.reconstruction.sirt import sirt

__all__ = [
    "Callback",
    "IterationStatus",
    "cgls",
    "fbp",
    "fdk",
    "fista_tv",
    "operator_norm",
    "os_sart",
    "pdhg_tv",
    "sirt",
]
