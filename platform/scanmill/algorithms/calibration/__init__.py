"""What a scan tells about its own scanner: sensitivities, noise, compression, delays, and the density of samples."""

from scanmill.algorithms.calibration.calibration_region import calibration_of, calibration_region, low_frequencies
from scanmill.algorithms.calibration.coil_compression import compress_coils, compression_matrix
from scanmill.algorithms.calibration.density_compensation import density_compensation
from scanmill.algorithms.calibration.density_compensation_radial import radial_density_compensation
from scanmill.algorithms.calibration.density_compensation_voronoi import voronoi_density_compensation
from scanmill.algorithms.calibration.espirit import EspiritMaps, espirit
from scanmill.algorithms.calibration.geometric_compression import compress_readout, geometric_compression
from scanmill.algorithms.calibration.gradient_delays import gradient_delays
from scanmill.algorithms.calibration.joint_sensitivities import JointEstimate, joint_sensitivities
from scanmill.algorithms.calibration.prewhitening import noise_covariance, prewhiten, whitening_matrix
from scanmill.algorithms.calibration.walsh import walsh

__all__ = [
    "EspiritMaps",
    "JointEstimate",
    "calibration_of",
    "calibration_region",
    "compress_coils",
    "compress_readout",
    "compression_matrix",
    "density_compensation",
    "espirit",
    "geometric_compression",
    "gradient_delays",
    "joint_sensitivities",
    "low_frequencies",
    "noise_covariance",
    "prewhiten",
    "radial_density_compensation",
    "voronoi_density_compensation",
    "walsh",
    "whitening_matrix",
]
