"""The job for images that are there already: what is asked with one of their slices finds it, with pictures."""

import json

import numpy as np
from PIL import Image

from raw_scans import scanmill
from scanmill.data import Volume
from scanmill.geometry import VolumeGeometry
from scanmill.io.nifti import write_nifti


def stripes(number):
    """Stripes of another direction for every number, and wider from plane to plane."""
    grid = VolumeGeometry.centered((5, 40, 40), (2.0, 2.0, 2.0))
    z, y, x = np.indices(grid.shape)
    angle = number * np.pi / 4
    voxels = 100 + 50 * np.sin((x * np.cos(angle) + y * np.sin(angle)) / (1 + 0.3 * z))
    return Volume(voxels.astype(np.float32), grid)


def test_images_are_indexed_as_they_are_and_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    for number in range(3):
        write_nifti(tmp_path / "images" / f"scan{number}.nii.gz", stripes(number))
    built = scanmill("cohort", "build", "images", "-o", "images.parquet", "--workers", "1")
    assert built.exit_code == 0, built.output
    run = scanmill("run", "image_search", "--cohort", "images.parquet", "--workers", "0", "--index", "images.index")
    assert "18 entries new or changed" in run.stdout, run.output
    asked = ("search", "images.index", "images/scan1.nii.gz", "--slice", "3", "--montage", "found.png")
    found = scanmill(*asked, "--json")
    assert found.exit_code == 0, found.output
    told = json.loads(found.stdout)
    assert (told["answers"][0]["row_key"], told["answers"][0]["shows"]) == ("scan1", "slice 3")
    with Image.open("found.png") as picture:
        assert picture.width == 4 * 246 + 6
    assert not any("away" in note for note in told["notes"])
