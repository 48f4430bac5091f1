"""Small raw scans for the data card ``phantom``, and a job that needs no kernel: for tests of whole runs."""

import numpy as np
import yaml
from typer.testing import CliRunner

from scanmill.cli import app

JOB = {"name": "small", "stages": [{"name": "main", "steps": ["ct.prepare", {"use": "save", "in": {"image": "scan"},
       "params": {"output": "scan", "format": "npz"}}]}]}  # fmt: skip


def scan_arrays(n_views=24, n_columns=32, seed=0):
    """Counts of a disk in a parallel beam, with dark and flat frames."""
    t = np.arange(n_columns) - (n_columns - 1) / 2
    line_integrals = 0.02 * 2 * np.sqrt(np.clip((n_columns / 3) ** 2 - t**2, 0, None))
    flat = 1e4 * (1 + 0.05 * np.random.default_rng(seed).standard_normal(n_columns))
    counts = 100 + flat * np.exp(-np.tile(line_integrals, (n_views, 1)))
    return {
        "counts": counts[:, None, :].astype(np.float32),
        "dark": np.full((1, 1, n_columns), 100.0, np.float32),
        "flat": (100 + flat)[None, None].astype(np.float32),
        "angles_deg": np.arange(n_views) * 180 / n_views,
        "column_mm": 1.0,
        "row_mm": 1.0,
        "source_to_isocenter_mm": 500.0,
        "source_to_detector_mm": 1000.0,
        "photons": 1e4,
    }


def write_scans(folder, n=4):
    """``parallel-full-<i>.npz``, each with noise of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(n):
        np.savez(folder / f"parallel-full-{i}.npz", **scan_arrays(seed=i))
    return folder


def write_job(path, **stage):
    """The job as a file; ``stage`` changes its only stage."""
    job = {**JOB, "stages": [{**JOB["stages"][0], **stage}]}
    path.write_text(yaml.safe_dump(job, sort_keys=False))
    return path


def scanmill(*words):
    """Run the command in this process."""
    return CliRunner().invoke(app, [str(word) for word in words], prog_name="scanmill")
