"""Six small scans of three kinds, each of a patient and a size of its own, and a job that makes them findable."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from raw_scans import scanmill
from scanmill.cohort import Cohort
from scanmill.geometry import ScanGeometry
from scanmill.phantoms import chest, random_phantom, shepp_logan_2d
from scanmill.phantoms.acquisition import Detector, acquire

SIDE, STEP = 64, 4.0
KINDS = ("chest", "head", "rods")
JOB = """
name: findable
stages:
  - name: images
    steps:
      - ct.prepare
      - {use: ct.reconstruct, params: {method: fbp}}
      - embed
      - save
      - {use: save, in: {image: entries}, params: {output: entries}}
"""


def write_place(folder: Path) -> Path:
    """``scans/``, ``cohort.parquet`` (columns ``what`` and patient keys) and ``job.yaml`` in ``folder``."""
    scan = ScanGeometry.parallel(np.arange(60) * np.pi / 60, SIDE, STEP)
    detector = Detector(photons=1e5, gain=0.05, gain_spread=0.05, vignetting=0.2, dark=100.0, electronic_noise=1.0)
    (folder / "scans").mkdir(parents=True)
    for number in range(6):
        kind = KINDS[number % 3]
        objects = {"chest": chest().scaled(size=0.6), "head": shepp_logan_2d(), "rods": random_phantom(7, flat=True)}
        raw = acquire(objects[kind].scaled(size=1.0 if number < 3 else 1.1), scan, detector, seed=number)
        np.savez(
            folder / "scans" / f"parallel-full-{number}.npz", counts=raw.array, dark=raw.dark[None],
            flat=raw.flat[None], angles_deg=np.arange(60) * 3.0, column_mm=STEP, row_mm=1.0,
            source_to_isocenter_mm=500.0, source_to_detector_mm=1000.0, photons=1e5,
        )  # fmt: skip
    (folder / "job.yaml").write_text(JOB)
    built = scanmill(
        "cohort", "build", folder / "scans", "--card", "phantom", "--workers", 1, "-o", folder / "c.parquet"
    )
    assert built.exit_code == 0, built.output
    cohort = Cohort.open(folder / "c.parquet")
    numbers = [int(key.rpartition("-")[2]) for key in cohort.table["row_key"].to_pylist()]
    table = cohort.table.append_column("what", pa.array([KINDS[n % 3] for n in numbers]))
    patients = pa.array([f"patient-{n}" for n in numbers], pa.string())
    table = table.set_column(table.column_names.index("patient_key"), "patient_key", patients)
    cohort.with_table(table).write(folder / "cohort.parquet")
    return folder
