"""How good an image is, with a reference and without one."""

from scanmill.algorithms.quality.agreement import nrmse, psnr, rmse
from scanmill.algorithms.quality.edge_width import edge_width
from scanmill.algorithms.quality.noise import noise_in_region, noise_sigma
from scanmill.algorithms.quality.overlap import dice, matthews_correlation
from scanmill.algorithms.quality.structural_similarity import ssim, ssim_map

__all__ = [
    "dice",
    "edge_width",
    "matthews_correlation",
    "noise_in_region",
    "noise_sigma",
    "nrmse",
    "psnr",
    "rmse",
    "ssim",
    "ssim_map",
]
