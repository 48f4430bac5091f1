"""How good an image is, with a reference and without one."""

from scanmill.algorithms.quality.agreement import nrmse, psnr, rmse
from scanmill.algorithms.quality.difference_correlation import sum_of_difference_correlations
from scanmill.algorithms.quality.edge_transfer import EdgeTransfer, edge_transfer
from scanmill.algorithms.quality.edge_width import edge_width
from scanmill.algorithms.quality.information import entropy, mutual_information, normalized_mutual_information
from scanmill.algorithms.quality.noise import noise_in_region, noise_sigma
from scanmill.algorithms.quality.overlap import dice, matthews_correlation
from scanmill.algorithms.quality.sharpness import average_gradient, spatial_frequency
from scanmill.algorithms.quality.structural_similarity import ssim, ssim_map
from scanmill.algorithms.quality.visual_information import visual_information_fidelity

__all__ = [
    "EdgeTransfer",
    "average_gradient",
    "dice",
    "edge_transfer",
    "edge_width",
    "entropy",
    "matthews_correlation",
    "mutual_information",
    "noise_in_region",
    "noise_sigma",
    "normalized_mutual_information",
    "nrmse",
    "psnr",
    "rmse",
    "spatial_frequency",
    "ssim",
    "ssim_map",
    "sum_of_difference_correlations",
    "visual_information_fidelity",
]
