"""The Helsinki Tomography Challenge 2022 (CC BY 4.0): measured limited-angle fans of acrylic discs with holes.

Angles grow from x to y and start at +x, columns are not flipped, the axis is in the middle of the detector; the
truth's first row is the largest y, so it is flipped here.
"""

import time

import numpy as np
import pytest
from PIL import Image
from scipy.io import loadmat
from skimage.filters import threshold_otsu

from scanmill.algorithms.reconstruction import fbp, pdhg_tv, sirt
from scanmill.data import Projections
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.operators.projection import ProjectionOp

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]

PIXEL = 0.14832
GRID = VolumeGeometry.centered((1, 512, 512), (PIXEL, PIXEL, PIXEL))
TV = {"weight": 0.03, "n_iterations": 100}
ROWS = ["tb_subsample.mat", "tb_category7.mat", *(f"tb_subsample_{n}.mat" for n in range(30, 100, 10))]


@pytest.fixture(scope="module")
def htc(data_folder):
    return data_folder / "ct_sino_htc2022_ab"


@pytest.fixture(scope="module")
def truth(htc):
    return np.array(Image.open(htc / "groundTruth" / "tb_category7.png")).astype(bool)[::-1]


def load(path):
    fields = loadmat(path, simplify_cells=True)["CtDataLimited"]
    return np.asarray(fields["parameters"]["angles"], float), fields["sinogram"]


def projections(angles_deg, sinogram):
    scan = ScanGeometry.fan(
        np.deg2rad(angles_deg), 560, 0.2, source_to_isocenter=410.66, source_to_detector=553.74, row_spacing=PIXEL
    )
    return Projections(sinogram[:, None].astype(np.float32), scan)


def matthews(image, truth):
    """Matthews' correlation of the Otsu segmentation with the truth."""
    return np.corrcoef((image[0] > threshold_otsu(image[0])).ravel(), truth.ravel())[0, 1]


def test_all_views_merged_sirt_finds_the_truth(htc, truth):
    views: dict[int, list] = {}
    for name in ROWS:
        for angle, line in zip(*load(htc / name), strict=True):
            views.setdefault(round(2 * angle) % 720, []).append(line)
    assert len(views) == 549
    angles = np.array(sorted(views))
    merged = projections(angles / 2, np.array([np.mean(views[a], axis=0) for a in angles]))
    op = ProjectionOp(GRID, merged.geometry)
    began = time.monotonic()
    image = sirt(op, merged.array, n_iterations=50)
    score = matthews(image, truth)
    print(f"merged, 549 views: SIRT 50 {score:.4f}, {time.monotonic() - began:.1f} s")
    assert score >= 0.95
    assert matthews(fbp(merged, GRID, window="hann").array, truth) >= 0.95


@pytest.mark.parametrize("name", ROWS)
def test_on_every_row_alone_tv_beats_fbp_by_one_setting_for_all(htc, truth, name):
    row = projections(*load(htc / name))
    windows = ("ram-lak", "hann")
    filtered = max(
        matthews(image, truth)
        for image in (fbp(row, GRID, window=w).array for w in windows)
        for image in (image, image.clip(0))
    )
    began = time.monotonic()
    score = matthews(pdhg_tv(ProjectionOp(GRID, row.geometry), row.array, **TV), truth)
    print(f"{name}: FBP {filtered:.4f}, TV {score:.4f}, {time.monotonic() - began:.1f} s")
    assert score > filtered + 0.03
