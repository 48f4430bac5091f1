"""`read` gives both images of a pair under their roles, whatever their files are, each by its own data card."""

import numpy as np

from scanmill.cohort import Cohort
from scanmill.cohort.build import build_cohort
from scanmill.cohort.pair import pair_cohort
from scanmill.data import Labels, Volume
from scanmill.geometry import VolumeGeometry
from scanmill.io.nifti import write_nifti
from scanmill.steps.contract import Context, InputFile, Row
from scanmill.steps.table import find_step

CARD = """
name: {name}
description: a slice
rows: {{files: "{name}_{{number}}.npy", key: "{name}-{{number}}"}}
roles:
  image: {{kind: volume, axes: [y, x], spacing: [{spacing}, {spacing}, 1], scale: {scale}}}
"""


def test_images_and_masks_of_both_rows_come_under_their_roles(tmp_path):
    grid = VolumeGeometry((3, 4, 5))
    image = Volume(np.arange(60, dtype=np.float32).reshape(3, 4, 5), grid)
    write_nifti(tmp_path / "i.nii", image)
    write_nifti(tmp_path / "m.nii", Labels((image.array > 9).astype(np.uint8), grid))
    files = tuple(
        InputFile(role, tmp_path / name, name, reader="nifti")
        for role, name in (("fixed", "i.nii"), ("moving", "i.nii"), ("fixed_mask", "m.nii"), ("moving_labels", "m.nii"))
    )
    step = find_step("read")
    values = step.run({}, step.params(), Context((Row("a+b", {}, files),), None)).values
    assert {role: type(value) for role, value in values.items()} == {
        "fixed": Volume, "moving": Volume, "fixed_mask": Labels, "moving_labels": Labels
    }  # fmt: skip


def test_both_sides_of_a_pair_are_read_by_their_own_cards(tmp_path):
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    for name, scale, spacing in (("coarse", 2.0, 3.0), ("fine", 5.0, 1.0)):
        np.save(tmp_path / f"{name}_1.npy", array)
        (tmp_path / f"{name}.yaml").write_text(CARD.format(name=name, scale=scale, spacing=spacing))
    cards = [tmp_path / "coarse.yaml", tmp_path / "fine.yaml"]
    build_cohort([tmp_path], out=tmp_path / "c.parquet", card=cards)
    sides = {"fixed": "row_key = 'coarse-1'", "moving": "row_key = 'fine-1'", "by": ["size_x"]}
    pair_cohort(tmp_path / "c.parquet", out=tmp_path / "p.parquet", **sides)
    pairs = Cohort.open(tmp_path / "p.parquet")
    files = tuple(
        InputFile(file["role"], tmp_path / file["path"], file["path"], reader=file["reader"])
        for file in pairs.files_of("coarse-1+fine-1")
    )
    row = Row("coarse-1+fine-1", pairs.row("coarse-1+fine-1"), files)
    step = find_step("read")
    values = step.run({}, step.params(), Context((row,), None)).values
    assert (values["fixed"].geometry.spacing[0], values["moving"].geometry.spacing[0]) == (3.0, 1.0)
    np.testing.assert_array_equal(values["fixed"].array[0], 2 * array)
    np.testing.assert_array_equal(values["moving"].array[0], 5 * array)
