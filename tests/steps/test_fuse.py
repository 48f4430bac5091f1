"""`fuse` and `fuse.quality`: units, ranges, groups, thin images; and the pairs of CT and MRI."""

import os
from pathlib import Path

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from scanmill.algorithms.fusion import laplacian_pyramid
from scanmill.data import Volume
from scanmill.engine.spec import load_job
from scanmill.geometry import VolumeGeometry
from scanmill.io.card import load_card
from scanmill.steps.contract import Context, InputFile, Row
from scanmill.steps.table import find_step

JOB = Path(__file__).parents[2] / "jobs/ct_mr_fusion.yaml"
MEASURES = {
    "entropy", "standard_deviation", "spatial_frequency", "average_gradient", "mutual_information", "nmi", "scd",
    "q_abf", "l_abf", "n_abf", "ssim", "vif",
}  # fmt: skip


def run(use, inputs, **params):
    step = find_step(use)
    return step.run(inputs, step.params(**params), Context((Row("r", {}),), Path()))


def two(shape=(1, 48, 44), units=("HU", "")):
    rng = np.random.default_rng(0)
    arrays = rng.normal(size=(2, *shape)).astype(np.float32)
    return [Volume(a, VolumeGeometry.centered(shape), unit) for a, unit in zip(arrays, units, strict=True)]


def test_modalities_come_into_one_range_and_lose_their_unit():
    ct, mr = two()
    loud = ct.with_array(1000 * ct.array - 500)
    fused = run("fuse", {"fixed": loud, "moving": mr}).values["image"]
    expected = run("fuse", {"fixed": ct, "moving": mr}).values["image"]
    assert fused.unit == ""
    assert fused.geometry == ct.geometry
    np.testing.assert_allclose(fused.array, expected.array, atol=1e-5)
    assert 0 <= fused.array.min() < fused.array.max() <= 1


def test_a_common_range_is_left_as_it_is():
    ct, other = two(units=("HU", "HU"))
    output = run("fuse", {"fixed": ct, "moving": other}, ranges="common", clip=False)
    assert output.values["image"].unit == "HU"
    np.testing.assert_array_equal(output.values["image"].array, laplacian_pyramid([ct.array, other.array]))
    [picture] = output.pictures.values()
    assert picture.shape == (48, 3 * 44 + 2 * 2)


def test_the_rows_of_a_group_are_fused_without_a_moving_image():
    a, b = two()
    together = run("fuse", {"fixed": (a, b, a)}, method="average", ranges="common").values["image"]
    np.testing.assert_allclose(together.array, (2 * a.array + b.array) / 3, atol=1e-6)


def test_the_measures_have_the_prefix_and_are_means_over_the_images():
    a, b = two()
    found = run("fuse.quality", {"image": a, "fixed": a, "moving": b}, prefix="p_", ranges="common").metrics
    assert set(found) == {"p_" + name for name in MEASURES}
    low, high = min(a.array.min(), b.array.min()), max(a.array.max(), b.array.max())
    theirs = structural_similarity(
        a.array[0], b.array[0], data_range=high - low, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert found["p_ssim"] == pytest.approx((1 + theirs) / 2, abs=0.01)
    assert found["p_q_abf"] + found["p_l_abf"] + found["p_n_abf"] == pytest.approx(1)


def test_a_thin_image_goes_without_windows_and_says_so():
    a, b = two((1, 9, 44))
    output = run("fuse.quality", {"image": a, "fixed": a, "moving": b})
    assert set(output.metrics) == MEASURES - {"ssim", "vif"}
    assert len(output.warnings) == 2


def pairs():
    folder = Path(os.environ.get("SCANMILL_DATA", "")) / "fusion_pairs_ct_mri"
    if not folder.is_dir():
        pytest.skip("needs SCANMILL_DATA with fusion_pairs_ct_mri")
    card = load_card("ct_mri_pairs")
    return folder, card, card.rows(folder)


def read(number):
    folder, card, rows = pairs()
    [row] = [row for row in rows if row.columns["number"] == number]
    files = tuple(InputFile(role, folder / p, p, reader="card") for role, paths in row.files.items() for p in paths)
    columns = {**row.columns, "card": card.to_json()}
    return find_step("read").run({}, find_step("read").params(), Context((Row(row.row_key, columns, files),), Path()))


def test_the_card_finds_every_pair_and_tells_that_their_pixels_have_no_size():
    _, _, rows = pairs()
    assert len(rows) == 23
    assert {row.columns["size_y"] for row in rows} == {256}
    assert "spacing_x" not in rows[0].columns
    output = read(7)
    assert {name: value.geometry.shape for name, value in output.values.items()} == {
        "fixed": (1, 256, 256), "moving": (1, 256, 256)
    }  # fmt: skip
    assert len(output.warnings) == 2
    assert "1 mm is assumed" in output.warnings[0]


def test_multiresolution_keeps_more_edges_than_pca_on_a_real_pair():
    images = read(12).values
    scores = {}
    for method in ("pca", "laplacian", "dwt", "guided"):
        fused = run("fuse", images, method=method, ranges="common").values["image"]
        scores[method] = run("fuse.quality", {"image": fused, **images}, ranges="common").metrics
    for method in ("laplacian", "dwt", "guided"):
        assert scores[method]["q_abf"] > scores["pca"]["q_abf"] + 0.02
        assert scores[method]["spatial_frequency"] > scores["pca"]["spatial_frequency"]
    assert scores["pca"]["n_abf"] < scores["laplacian"]["n_abf"]


def test_the_job_measures_every_method():
    [stage] = load_job(JOB).stages
    methods = {spec.params["method"] for spec in stage.steps if spec.use == "fuse"}
    assert methods == set(find_step("fuse").params.model_fields["method"].annotation.__args__)
    saved = [spec.params["output"] for spec in stage.steps if spec.use == "save"]
    measured = [spec.params["prefix"] for spec in stage.steps if spec.use == "fuse.quality"]
    assert measured == [f"{name}_" for name in saved]
