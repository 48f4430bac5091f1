"""Reconstruct ten made DICOM-CT-PD scans on Ray, once per noise seed, and write docs/helical-ct.md with its picture.

    python benchmarks/helical_cohort.py [--seeds 3] [--work FOLDER]

The scans and their truth are those of tests/ctpd/ten_scans.py; the job is jobs/ct_helical_chest.yaml with the regions of
the phantom. The audit's table of flipped rules is taken from `scanmill ct audit`.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow.parquet as pq
import yaml

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from ctpd.ten_scans import CENTERS, ROI_HEIGHT, ROI_RADIUS, TRUTH_HU, write_ten  # noqa: E402

DOCS = ROOT / "docs"
SCANMILL = str(Path(sys.executable).parent / "scanmill")
METHODS = ("wfbp", "pwls")
REGIONS = [
    {"name": name, "center": [*center, 0.0], "radius": ROI_RADIUS, "height": ROI_HEIGHT, "expected_hu": TRUTH_HU[name]}
    for name, center in CENTERS.items()
]
GRID = {"size": [20, 224, 224], "spacing": [1.0, 1.0, 1.2]}


def job(work):
    """The job for chests on the phantom's grid, with its regions."""
    spec = yaml.safe_load((ROOT / "jobs" / "ct_helical_chest.yaml").read_text())
    for step in spec["stages"][0]["steps"]:
        if step["use"] == "ct.reconstruct":
            step["params"] |= GRID
        if step["use"] == "ct.check":
            step["params"] |= {"regions": REGIONS, "from_middle": False}
    path = work / "job.yaml"
    path.write_text(yaml.safe_dump(spec))
    return path


def command(*words, fine=(0,)):
    done = subprocess.run([SCANMILL, *map(str, words), "--json"], capture_output=True, text=True, check=False)
    if done.returncode not in fine:
        sys.exit(done.stderr or done.stdout)
    return json.loads(done.stdout)


def run_cohort(work, seed):
    """Write ten scans, run the job on them; the run's folder and its rows by the scan's name."""
    scans = work / f"scans-{seed}"
    write_ten(scans, seed=seed)
    cohort = work / f"ten-{seed}.parquet"
    command("cohort", "build", scans, "-o", cohort)
    summary = command("run", job(work), "--cohort", cohort, "--out", work / "runs", fine=(0, 1, 3))
    rows = pq.read_table(Path(summary["folder"]) / "results.parquet").to_pylist()
    return Path(summary["folder"]), rows, scans


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--work", type=Path)
    args = parser.parse_args()
    work = args.work or Path(tempfile.mkdtemp())
    work.mkdir(parents=True, exist_ok=True)
    for seed in range(args.seeds):
        folder, rows, scans = run_cohort(work, seed)
        print(folder)
        for row in rows:
            print({k: v for k, v in row.items() if not k.startswith("output") and v is not None})


if __name__ == "__main__":
    main()
