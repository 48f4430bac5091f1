"""The job that makes CT searchable, over the demo's scans on Ray: a noisy slice finds what it was taken from."""

import json

import numpy as np
import pytest
from PIL import Image

from raw_scans import scanmill
from scanmill.cli.answers import image_of
from scanmill.phantoms.demo_cohort import write_demo_scans
from scanmill.retrieval import Index


def object_of(row_key):
    """What was scanned: the demo scans some objects several times, with other doses and beams."""
    beam, number = row_key.split("-")[0], int(row_key.rpartition("-")[2]) % 3
    if beam == "cone":
        return "head in space"
    return "head" if (beam, number) in {("parallel", 1), ("fan", 2)} else (beam, number)


@pytest.mark.ray
@pytest.mark.long
def test_a_noisy_slice_of_each_scan_finds_its_own_object_first_and_its_own_series_among_the_same(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_demo_scans(tmp_path / "scans")
    built = scanmill("cohort", "build", "scans", "--card", "phantom", "--workers", "1")
    assert built.exit_code == 0, built.output
    run = scanmill("run", "ct_search", "--cohort", "cohort.parquet", "--workers", "2", "--index", "ct.index")
    assert run.exit_code == 0, run.output
    assert "12" in run.stdout  # done; the thirteenth is corrupt
    entries = Index.open("ct.index").entries()
    assert len(entries["row_key"].unique()) == 12
    rng = np.random.default_rng(0)
    for line in entries.to_pylist():
        if line["kind"] == "series":
            image = image_of(line, "runs").array
            plane = image[len(image) // 2].astype(np.float64)
            plane += rng.normal(0, 0.02 * np.ptp(plane), plane.shape)
            grey = np.rint(255 * (plane - plane.min()) / np.ptp(plane)).astype(np.uint8)
            Image.fromarray(grey).save("slice.png")
            found = json.loads(scanmill("search", "ct.index", "slice.png", "-k", "3", "--json").stdout)
            rows = [answer["row_key"] for answer in found["answers"]]
            assert object_of(rows[0]) == object_of(line["row_key"])
            assert line["row_key"] in rows
