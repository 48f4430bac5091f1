"""The CT jobs that we ship run from raw files to results: phantom scans by their card, helical ones as DICOM-CT-PD."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ctpd.ten_scans import phantom
from ctpd.writer import write_scan
from raw_scans import scanmill
from scanmill.phantoms.demo_cohort import write_demo_scans

JOBS = Path(__file__).parents[2] / "jobs"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    write_demo_scans(folder)
    return folder


def run(job, place, *words):
    found = scanmill("run", JOBS / f"{job}.yaml", "--cohort", "cohort.parquet", "--workers", "0", *words)
    assert found.exit_code == 0, found.output
    (results,) = (place / "runs").glob("*/results.parquet")
    rows = pq.read_table(results).to_pylist()
    assert {row["status"] for row in rows} == {"done"}, rows
    return rows


@pytest.mark.parametrize(
    ("job", "names"),
    [
        pytest.param("ct_cone_head", ["cone-low-7"], marks=pytest.mark.long),
        ("ct_sparse_view", ["parallel-sparse-2", "fan-sparse-11"]),
        ("ct_transmission_counts", ["parallel-low-1", "fan-low-4"]),
    ],
)
def test_a_job_on_phantom_scans(job, names, made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scans" / "reference").mkdir(parents=True)
    for path in (f"{folder}{name}.npz" for name in names for folder in ("", "reference/")):
        (tmp_path / "scans" / path).write_bytes((made / path).read_bytes())
    built = scanmill("cohort", "build", "scans", "--card", "phantom", "--project", "p", "--workers", "1")
    assert built.exit_code == 0, built.output
    rows = run(job, tmp_path)
    assert len(rows) == len(names)
    for row in rows:
        better, worse = BETTER[job]
        assert row[f"metric.{better}"] < row[f"metric.{worse}"]


BETTER = {
    "ct_cone_head": ("pwls_noise", "fdk_noise"),
    "ct_sparse_view": ("tv_nrmse", "fbp_nrmse"),
    "ct_transmission_counts": ("mltr_nrmse", "fbp_nrmse"),
}


@pytest.mark.long
def test_the_helical_chest(tmp_path, monkeypatch):
    monkeypatch.setenv("SCANMILL_SITE_SECRET", "a secret of this site")
    monkeypatch.chdir(tmp_path)
    write_scan(tmp_path / "scans", phantom(), ffs="FFSZ", n_rows=16, n_columns=128, views_per_turn=180, turns=3.0,
               pitch=0.8, collimation=19.2, fov_radius=115.0, photons=5e4, seed=3)  # fmt: skip
    built = scanmill("cohort", "build", "scans", "--project", "p", "--workers", "1")
    assert built.exit_code == 0, built.output
    small = "size=[6, 72, 72]", "spacing=[3.2, 3.2, 2.5]"
    sets = [w for k in (1, 2) for s in small for w in ("--set", f"ct.reconstruct#{k}.{s}")]
    (row,) = run("ct_helical_chest", tmp_path, *sets)
    assert abs(row["metric.wfbp_hu_middle"]) < 15
    assert abs(row["metric.pwls_hu_middle"]) < 15
    assert row["metric.pwls_noise"] < row["metric.wfbp_noise"]
    assert 0 < row["metric.wfbp_edge_width_mm"] < 6
