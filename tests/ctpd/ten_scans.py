"""Ten made CT-PD scans of one phantom, both vendors, every focal-spot mode, two of them damaged; and their truth.

The phantom is an elliptic cylinder of water, 200 x 160 mm, with four rods of 24 mm. A region of interest is the
cylinder of radius 8 mm and height 16 mm in the middle of a rod, or of the water at the isocentre.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import yaml

from ctpd.writer import write_scan
from scanmill.phantoms import WATER_PER_MM, Ellipsoid, Phantom

PHOTONS = 2e5
ROI_RADIUS, ROI_HEIGHT = 8.0, 16.0
ROD_RADIUS, LENGTH = 12.0, 400.0
RODS_HU = {"lung": -800.0, "fat": -100.0, "soft": 60.0, "bone": 400.0}
CENTERS = {"lung": (55.0, 0.0), "fat": (0.0, -45.0), "soft": (-55.0, 0.0), "bone": (0.0, 45.0), "water": (0.0, 0.0)}
TRUTH_HU = {**RODS_HU, "water": 0.0}
BOUND_HU = {"wfbp": 5.0, "pwls": 3.0}
METHODS = tuple(BOUND_HU)
JOB = Path(__file__).parents[2] / "jobs" / "ct_helical_chest.yaml"
GRID = {"size": [20, 224, 224], "spacing": [1.0, 1.0, 1.2]}
REGIONS = [
    {"name": name, "center": [*center, 0.0], "radius": ROI_RADIUS, "height": ROI_HEIGHT, "expected_hu": TRUTH_HU[name]}
    for name, center in CENTERS.items()
]

SIZES = {"n_rows": 16, "n_columns": 256, "views_per_turn": 360, "turns": 4.0, "pitch": 0.8, "collimation": 19.2,
         "fov_radius": 115.0, "supersampling": 3}  # fmt: skip
SIEMENS, GE = "SIEMENS", "GE MEDICAL SYSTEMS"
SOUND = {
    "siemens-none": {"vendor": SIEMENS},
    "siemens-z": {"vendor": SIEMENS, "ffs": "FFSZ"},
    "siemens-xy": {"vendor": SIEMENS, "ffs": "FFSXY"},
    "siemens-xyz": {"vendor": SIEMENS, "ffs": "FFSXYZ"},
    "siemens-feet-first": {"vendor": SIEMENS, "ffs": "FFSZ", "patient_position": "FFS", "rotation": -1},
    "ge-none": {"vendor": GE},
    "ge-table-out": {"vendor": GE, "table": 1, "swapped": False},
    "ge-xy": {"vendor": GE, "ffs": "FFSXY"},
}
DAMAGED = {
    "missing-views": {"vendor": SIEMENS, "missing": range(700, 720)},
    "two-water-values": {"vendor": GE, "edit": lambda tags, instance: _other_water(tags, instance)},
}


def phantom():
    """Water with four rods, exact."""
    body = Ellipsoid((0.0, 0.0, 0.0), (100.0, 80.0, LENGTH), WATER_PER_MM)
    rods = [
        Ellipsoid((*CENTERS[name], 0.0), (ROD_RADIUS, ROD_RADIUS, LENGTH), hu / 1000 * WATER_PER_MM)
        for name, hu in RODS_HU.items()
    ]
    return Phantom((body, *rods))


def write_ten(folder, *, seed, names=(*SOUND, *DAMAGED), **sizes):
    """Ten folders of files below ``folder``, or those of the given names."""
    for number, (name, options) in enumerate({**SOUND, **DAMAGED}.items()):
        if name not in names:
            continue
        write_scan(
            folder / name, phantom(), photons=PHOTONS, seed=1000 * seed + number, water=WATER_PER_MM,
            series=f"{seed}.{number}", patient=f"TEN-{number}", **{**SIZES, **sizes, **options},
        )  # fmt: skip


def write_job(path):
    """The shipped job for helical chests, on the phantom's grid and with its regions."""
    spec = yaml.safe_load(JOB.read_text())
    for step in spec["stages"][0]["steps"]:
        if step["use"] == "ct.reconstruct":
            step["params"] |= GRID
        if step["use"] == "ct.check":
            step["params"] |= {"regions": REGIONS, "from_middle": False}
    path.write_text(yaml.safe_dump(spec))
    return path


def run_cohort(work, seed, names=(*SOUND, *DAMAGED)):
    """Write the scans, make a cohort of them and run the job on Ray: the run's folder, and its rows by scan."""
    scans, cohort = work / f"scans-{seed}", work / f"ten-{seed}.parquet"
    write_ten(scans, seed=seed, names=names)
    _command("cohort", "build", scans, "--project", "ten", "-o", cohort)
    job = write_job(work / "job.yaml")
    summary = _command("run", job, "--cohort", cohort, "--out", work / "runs", fine=(0, 3))
    folder = Path(summary["folder"])
    files = pq.read_table(cohort.with_suffix(".files.parquet"), columns=["row_key", "path"]).to_pylist()
    names = {file["row_key"]: Path(file["path"]).parts[0] for file in files}
    return folder, {names[row["row_key"]]: row for row in pq.read_table(folder / "results.parquet").to_pylist()}


def mean_error(runs, name, method, region):
    """The error in HU of a region's mean, averaged over the seeds, and the standard error of that average.

    The noise of a region's mean is that between seeds, pooled over all scans and regions of the method, since a
    few seeds tell little about one of them.
    """
    errors = np.array(
        [[[run[n][f"metric.{method}_hu_error_{r}"] for r in TRUTH_HU] for n in SOUND] for run in runs], dtype=float
    )
    pooled = np.sqrt(errors.var(axis=0, ddof=1).mean() / len(runs))
    return float(errors[:, list(SOUND).index(name), list(TRUTH_HU).index(region)].mean()), float(pooled)


def _command(*words, fine=(0,)):
    scanmill = Path(sys.executable).parent / "scanmill"
    done = subprocess.run([scanmill, *map(str, words), "--json"], capture_output=True, text=True, check=False)
    assert done.returncode in fine, done.stderr or done.stdout
    return json.loads(done.stdout)


def _other_water(tags, instance):
    """The second half of the series says another attenuation of water."""
    if instance > 600:
        tags[(0x7041, 0x1001)] = ("DS", b"0.0195")
