"""`image.quality` and `segment.threshold` against scikit-image's numbers."""

from pathlib import Path

import numpy as np
import pytest
from skimage import filters, metrics

from scanmill.data import Labels, Volume
from scanmill.geometry import VolumeGeometry
from scanmill.steps.contract import Context, Row
from scanmill.steps.table import find_step

GRID = VolumeGeometry.centered((1, 48, 48), (0.5, 0.5, 1.0))
Y, X = np.mgrid[:48, :48]
TRUE = np.where((X - 24) ** 2 + (Y - 20) ** 2 < 200, 1.0, 0.2).astype(np.float32)[None]
NOISY = TRUE + np.random.default_rng(4).normal(0, 0.05, TRUE.shape).astype(np.float32)


def run(use, inputs, **params):
    step = find_step(use)
    return step.run(inputs, step.params(**params), Context((Row("r", {}),), Path()))


def test_the_numbers_are_scikit_images():
    output = run("image.quality", {"image": Volume(NOISY, GRID), "reference": Volume(TRUE, GRID)}, prefix="tv_")
    found = output.metrics
    span = float(TRUE.max() - TRUE.min())
    assert found["tv_psnr"] == pytest.approx(metrics.peak_signal_noise_ratio(TRUE, NOISY, data_range=span), rel=1e-5)
    ours = metrics.structural_similarity(
        TRUE[0], NOISY[0], data_range=span, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert found["tv_ssim"] == pytest.approx(ours, abs=0.01)
    assert found["tv_noise"] == pytest.approx(0.05, rel=0.25)
    assert 0 < found["tv_edge_width_mm"] < 1.5
    assert set(output.pictures) == {"tv_difference"}


def test_equal_images_give_no_infinite_metric():
    image = Volume(TRUE, GRID)
    output = run("image.quality", {"image": image, "reference": image})
    assert output.metrics["ssim"] == 1
    assert "psnr" not in output.metrics
    assert "psnr is not finite" in output.warnings


def test_otsu_and_the_score_of_the_mask():
    output = run("segment.threshold", {"image": Volume(NOISY, GRID)})
    labels = output.values["labels"]
    np.testing.assert_array_equal(labels.array, filters.threshold_otsu(NOISY) < NOISY)
    truth = Labels((TRUE > 0.5).astype(np.uint8), GRID)
    found = run("image.quality", {"image": Volume(NOISY, GRID), "labels": labels, "truth": (truth, truth)}).metrics
    assert found["mcc"] == pytest.approx(np.corrcoef(labels.array.ravel(), truth.array.ravel())[0, 1], abs=1e-6)
    assert found["dice"] > 0.98
    assert output.metrics["object_mm3"] == labels.array.sum() * 0.25


def test_labels_of_several_kinds_are_scored_one_by_one():
    truth = np.zeros(GRID.shape, np.uint8)
    truth[..., :4], truth[..., 4:8] = 1, 5
    ours = np.where(truth == 5, 5, 0).astype(np.uint8)
    ours[..., 2:4] = 1
    labels, true = Labels(ours, GRID), Labels(truth, GRID)
    found = run("image.quality", {"image": Volume(TRUE, GRID), "labels": labels, "truth": true}).metrics
    assert (found["dice_1"], found["dice_5"]) == (pytest.approx(2 / 3), 1)
    assert found["dice_mean"] == pytest.approx(5 / 6)


def test_a_given_threshold():
    output = run("segment.threshold", {"image": Volume(TRUE, GRID)}, threshold=0.5, name="disc")
    np.testing.assert_array_equal(output.values["labels"].array, TRUE > 0.5)
    assert output.values["labels"].names == {1: "disc"}
