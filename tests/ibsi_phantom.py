"""The digital phantom of the Image Biomarker Standardisation Initiative and the values that its manual gives for it.

A. Zwanenburg, S. Leger, M. Vallières, S. Löck, "Image biomarker standardisation initiative", arXiv 1612.07003 v11,
chapter 5 (CC BY 4.0): 5 x 4 x 4 voxels (x, y, z) of 2 mm, 74 of them in the region; here 0 marks the others. The
manual rounds to three digits.
"""

import numpy as np

SPACING = (2.0, 2.0, 2.0)
VOXELS = np.array(
    [
        [[1, 4, 4, 1, 1], [1, 4, 6, 1, 1], [4, 1, 6, 4, 1], [4, 4, 6, 4, 1]],
        [[1, 4, 4, 1, 1], [1, 1, 6, 1, 1], [0, 1, 3, 1, 1], [4, 4, 6, 1, 1]],
        [[1, 4, 4, 0, 0], [1, 1, 1, 1, 1], [1, 1, 0, 1, 1], [1, 1, 6, 1, 1]],
        [[1, 4, 4, 0, 0], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 6, 1, 1]],
    ]
)
REGION = VOXELS > 0

MORPHOLOGY = {  # section 3.1
    "volume": 556,
    "voxel_volume": 592,
    "surface_area": 388,
    "surface_to_volume_ratio": 0.698,
    "compactness_1": 0.0411,
    "compactness_2": 0.599,
    "sphericity": 0.843,
    "maximum_diameter": 13.1,
    "major_axis_length": 11.4,
    "minor_axis_length": 9.31,
    "least_axis_length": 8.54,
    "elongation": 0.816,
    "flatness": 0.749,
}
STATISTICS = {  # section 3.3
    "mean": 2.15,
    "variance": 3.05,
    "skewness": 1.08,
    "kurtosis": -0.355,
    "median": 1,
    "minimum": 1,
    "percentile_10": 1,
    "percentile_90": 4,
    "maximum": 6,
    "interquartile_range": 3,
    "range": 5,
    "mean_absolute_deviation": 1.55,
    "robust_mean_absolute_deviation": 1.11,
    "median_absolute_deviation": 1.15,
    "coefficient_of_variation": 0.812,
    "quartile_coefficient_of_dispersion": 0.6,
    "energy": 567,
    "root_mean_square": 2.77,
}
HISTOGRAM = {"entropy": 1.27, "uniformity": 0.512}  # section 3.4
TEXTURE_MERGED = {  # section 3.6, one matrix merged from 13 directions
    "joint_maximum": 0.509,
    "joint_average": 2.15,
    "joint_variance": 3.13,
    "joint_entropy": 2.57,
    "difference_average": 1.38,
    "difference_variance": 3.21,
    "difference_entropy": 1.64,
    "sum_average": 4.3,
    "sum_variance": 7.41,
    "sum_entropy": 2.11,
    "angular_second_moment": 0.291,
    "contrast": 5.12,
    "dissimilarity": 1.38,
    "inverse_difference": 0.688,
    "normalised_inverse_difference": 0.856,
    "inverse_difference_moment": 0.631,
    "normalised_inverse_difference_moment": 0.902,
    "inverse_variance": 0.0574,
    "correlation": 0.183,
    "autocorrelation": 5.19,
    "cluster_tendency": 7.41,
    "cluster_shade": 17.4,
    "cluster_prominence": 147,
    "information_correlation_1": -0.0288,
    "information_correlation_2": 0.269,
}
TEXTURE_AVERAGED = {  # section 3.6, the mean over 13 directions
    "normalised_inverse_difference": 0.851,
    "inverse_difference_moment": 0.618,
    "normalised_inverse_difference_moment": 0.898,
    "inverse_variance": 0.0604,
    "correlation": 0.157,
    "autocorrelation": 5.06,
    "cluster_tendency": 7.07,
}
TEXTURE_OF_SLICES = {  # section 3.6, "2D, averaged" and "2D, slice-merged": means over four slices of four directions
    "averaged": {
        "normalised_inverse_difference": 0.851,
        "inverse_difference_moment": 0.619,
        "normalised_inverse_difference_moment": 0.899,
        "inverse_variance": 0.0567,
        "correlation": -0.0121,
        "autocorrelation": 5.09,
        "cluster_tendency": 5.47,
    },
    "merged": {
        "normalised_inverse_difference": 0.854,
        "inverse_difference_moment": 0.625,
        "normalised_inverse_difference_moment": 0.901,
        "inverse_variance": 0.0553,
        "correlation": 0.0173,
        "autocorrelation": 5.14,
        "cluster_tendency": 5.66,
    },
}
