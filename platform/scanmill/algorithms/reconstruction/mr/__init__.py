"""From k-space to images: pure functions, each named after its paper."""

from scanmill.algorithms.reconstruction.mr.admm import admm
from scanmill.algorithms.reconstruction.mr.cg_sense import cg_sense
from scanmill.algorithms.reconstruction.mr.coil_combination import combine_coils, root_sum_of_squares
from scanmill.algorithms.reconstruction.mr.g_factor import sense_g_factor
from scanmill.algorithms.reconstruction.mr.grappa import grappa
from scanmill.algorithms.reconstruction.mr.grasp import grasp, in_frames
from scanmill.algorithms.reconstruction.mr.homodyne import homodyne
from scanmill.algorithms.reconstruction.mr.l1_wavelet import l1_wavelet
from scanmill.algorithms.reconstruction.mr.locally_low_rank import locally_low_rank
from scanmill.algorithms.reconstruction.mr.low_rank import low_rank
from scanmill.algorithms.reconstruction.mr.low_rank_plus_sparse import low_rank_plus_sparse
from scanmill.algorithms.reconstruction.mr.module_times import ModuleReport
from scanmill.algorithms.reconstruction.mr.nlinv import nlinv
from scanmill.algorithms.reconstruction.mr.pocs import pocs
from scanmill.algorithms.reconstruction.mr.primal_dual import primal_dual
from scanmill.algorithms.reconstruction.mr.pseudo_replica import pseudo_replica
from scanmill.algorithms.reconstruction.mr.radial_3d import radial_3d
from scanmill.algorithms.reconstruction.mr.regularisation_weight import (
    estimated_risk,
    least_risk,
    noise_level,
    universal_threshold,
)
from scanmill.algorithms.reconstruction.mr.respiratory_binning import (
    binned_projections,
    respiratory_bins,
    respiratory_signal,
)
from scanmill.algorithms.reconstruction.mr.slice_grappa import slice_grappa
from scanmill.algorithms.reconstruction.mr.spirit import spirit, spirit_pocs
from scanmill.algorithms.reconstruction.mr.tgv import tgv
from scanmill.algorithms.reconstruction.mr.tv import tv
from scanmill.algorithms.reconstruction.mr.zero_filled import zero_filled

__all__ = [
    "ModuleReport",
    "admm",
    "binned_projections",
    "cg_sense",
    "combine_coils",
    "estimated_risk",
    "grappa",
    "grasp",
    "homodyne",
    "in_frames",
    "l1_wavelet",
    "least_risk",
    "locally_low_rank",
    "low_rank",
    "low_rank_plus_sparse",
    "nlinv",
    "noise_level",
    "pocs",
    "primal_dual",
    "pseudo_replica",
    "radial_3d",
    "respiratory_bins",
    "respiratory_signal",
    "root_sum_of_squares",
    "sense_g_factor",
    "slice_grappa",
    "spirit",
    "spirit_pocs",
    "tgv",
    "tv",
    "universal_threshold",
    "zero_filled",
]
