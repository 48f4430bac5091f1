"""`ct.check`: HU, noise and edges where they are known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from scanmill.data import Volume
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry
from scanmill.steps.contract import Context, Row
from scanmill.steps.table import find_step

STEP = find_step("ct.check")
GRID = VolumeGeometry.centered((8, 64, 64), (1.0, 1.0, 2.0))
X, Y = GRID.voxel_points()[..., 0], GRID.voxel_points()[..., 1]
TRUTH = np.where(np.hypot(X, Y) < 22, 50.0, -1000.0).astype(np.float32)
NOISY = TRUTH + np.random.default_rng(1).normal(0, 10, GRID.shape).astype(np.float32)
MIDDLE = {"name": "middle", "center": (0, 0, 0), "radius": 10, "height": 12}


def run(image, *, reference=None, **params):
    inputs = {"image": image} | ({} if reference is None else {"reference": reference})
    return STEP.run(inputs, STEP.params(**params), Context((Row("r", {}),), Path()))


def test_mean_noise_and_edge_of_a_disc():
    output = run(Volume(NOISY, GRID, "HU"), regions=[{**MIDDLE, "expected_hu": 45}], tolerance_hu=3, prefix="wfbp_")
    found = output.metrics
    inside = (np.hypot(X, Y) <= 10) & (np.abs(GRID.voxel_points()[..., 2]) <= 6)
    assert found["wfbp_hu_middle"] == pytest.approx(NOISY[inside].mean(), abs=1e-3)
    assert found["wfbp_hu_error_middle"] == pytest.approx(5, abs=1)
    assert found["wfbp_hu_error"] == abs(found["wfbp_hu_error_middle"])
    assert found["wfbp_noise_middle"] == pytest.approx(10, rel=0.1)
    assert found["wfbp_noise"] == pytest.approx(10, rel=0.2)
    assert 0 < found["wfbp_edge_width_mm"] < 2
    assert output.warnings[0].startswith("middle is off by")


def test_a_reference_tells_what_is_true_and_1_per_mm_becomes_hu():
    ball = {"name": "ball", "center": (3, 0, 1), "radius": 5}
    image = Volume(0.02 * (1 + NOISY / 1000), GRID, "1/mm")
    found = run(image, reference=Volume(TRUTH, GRID, "HU"), regions=[ball], water_attenuation=0.02).metrics
    assert found["hu_ball"] == pytest.approx(50, abs=2)
    assert found["hu_error_ball"] == pytest.approx(found["hu_ball"] - 50, abs=1e-3)


def test_a_region_may_count_from_the_middle_of_the_image():
    away = replace(GRID, origin=(1000.0, -500.0, 77.0))
    here = run(Volume(NOISY, GRID, "HU"), regions=[MIDDLE]).metrics
    assert run(Volume(NOISY, away, "HU"), regions=[MIDDLE], from_middle=True).metrics == pytest.approx(here)


def test_what_it_refuses():
    image = Volume(TRUTH, GRID, "HU")
    with pytest.raises(InputError, match="not in HU"):
        run(Volume(TRUTH, GRID, "1/mm"))
    with pytest.raises(InputError, match="no voxel"):
        run(image, regions=[{**MIDDLE, "center": (0, 0, 500)}])
    with pytest.raises(ValidationError, match="same name"):
        run(image, regions=[MIDDLE, MIDDLE])
    small = Volume(TRUTH[:, :16, :16], GRID.crop(slice(None), slice(16), slice(16)), "HU")
    assert run(small).warnings[0].startswith("edge_width_mm is left out")
