"""The job of fusion on made pairs: good ones are measured and saved, bad ones fail with their reason, none is lost."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from PIL import Image
from scipy import ndimage

from raw_scans import scanmill
from scanmill.io.nifti import read_nifti

JOB = Path(__file__).parents[2] / "jobs/ct_mr_fusion.yaml"
SIDE = 48


def write_pair(folder, number, mr_side=SIDE, constant=False):
    rng = np.random.default_rng(number)
    for name, side in (("CT", SIDE), ("MRI", mr_side)):
        soft = ndimage.gaussian_filter(rng.normal(size=(side, side)), 2)
        grey = np.interp(soft, (soft.min(), soft.max()), (0, 255)).astype(np.uint8)
        Image.fromarray(np.full_like(grey, 7) if constant and name == "MRI" else grey).save(
            folder / f"{name}{number}.png"
        )


def test_every_pair_is_accounted_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scans = tmp_path / "scans"
    scans.mkdir()
    write_pair(scans, 1)
    write_pair(scans, 2, mr_side=40)
    write_pair(scans, 3, constant=True)
    write_pair(scans, 4)
    (scans / "MRI4.png").unlink()
    built = scanmill("cohort", "build", "scans", "--card", "ct_mri_pairs", "--project", "p", "--workers", "1")
    assert built.exit_code == 0, built.output
    scanmill("run", JOB, "--cohort", "cohort.parquet", "--workers", "0")
    [results] = (tmp_path / "runs").glob("*/results.parquet")
    rows = {row["number"]: row for row in pq.read_table(results).to_pylist()}
    assert {number: row["status"] for number, row in rows.items()} == {1: "done", 2: "failed", 3: "failed", 4: "failed"}
    assert "different grids" in rows[2]["error"]
    assert "one value" in rows[3]["error"]
    assert {rows[number]["error_class"] for number in (2, 3, 4)} == {"InputError"}
    good = rows[1]
    assert good["metric.laplacian_q_abf"] > good["metric.average_q_abf"]
    assert good["metric.average_n_abf"] < good["metric.dwt_n_abf"]
    assert "1 mm is assumed" in good["warnings"][0]
    saved = read_nifti(results.parent / good["output.laplacian"]["uri"])
    assert saved.geometry.shape == (1, SIDE, SIDE)
    assert 0 <= saved.array.min() < saved.array.max() <= 255
