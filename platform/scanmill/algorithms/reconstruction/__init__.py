"""From what a scanner measured to an image: pure functions, each named after its paper."""

from scanmill.algorithms.reconstruction.asd_pocs import asd_pocs
from scanmill.algorithms.reconstruction.cgls import cgls
from scanmill.algorithms.reconstruction.fbp import fbp
from scanmill.algorithms.reconstruction.fdk import fdk
from scanmill.algorithms.reconstruction.fista import fista
from scanmill.algorithms.reconstruction.fista_nuclear import fista_nuclear
from scanmill.algorithms.reconstruction.fista_tv import fista_tv
from scanmill.algorithms.reconstruction.fista_wavelet import fista_wavelet
from scanmill.algorithms.reconstruction.iteration import Callback, IterationStatus
from scanmill.algorithms.reconstruction.lsqr import lsqr
from scanmill.algorithms.reconstruction.ml_tr import ml_tr
from scanmill.algorithms.reconstruction.mlem import mlem
from scanmill.algorithms.reconstruction.os_sart import os_sart
from scanmill.algorithms.reconstruction.osem import osem
from scanmill.algorithms.reconstruction.pdhg_tv import pdhg_tv
from scanmill.algorithms.reconstruction.photon_weights import photon_weights
from scanmill.algorithms.reconstruction.power_iteration import operator_norm
from scanmill.algorithms.reconstruction.pwls import pwls
from scanmill.algorithms.reconstruction.sart import sart
from scanmill.algorithms.reconstruction.sirt import sirt

__all__ = [
    "Callback",
    "IterationStatus",
    "asd_pocs",
    "cgls",
    "fbp",
    "fdk",
    "fista",
    "fista_nuclear",
    "fista_tv",
    "fista_wavelet",
    "lsqr",
    "ml_tr",
    "mlem",
    "operator_norm",
    "os_sart",
    "osem",
    "pdhg_tv",
    "photon_weights",
    "pwls",
    "sart",
    "sirt",
]
