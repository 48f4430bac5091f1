"""A run folder that tries the report's patience: long keys, many pictures of all shapes, many reasons of failure."""

import io
import json

import numpy as np
import pyarrow as pa
from PIL import Image

from scanmill.cohort.results import write_results

LONG_KEY = "a-project-with-a-long-name_and_underscores/ward-7/1.2.826.0.1.3680043.8.498.12345678901234567890"
PICTURES = {"image_slices": (300, 100), "sinogram": (128, 700), "difference": (128, 128), "small": (24, 24)}


def png(width, height):
    out = io.BytesIO()
    grey = np.add.outer(np.arange(height), np.arange(width)) * 255 // (height + width)
    Image.fromarray(grey.astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


def cohort_table(keys):
    n = len(keys)
    return pa.table(
        {
            "row_key": keys,
            "patient_key": pa.nulls(n, pa.string()),
            "content_digest": ["0"] * n,
            "bytes": pa.array([1] * n, pa.int64()),
            "n_files": pa.array([1] * n, pa.int32()),
            "card": [""] * n,
            "contains_identity": [False] * n,
        }
    )


def saved(uri, kind="png"):
    return {"uri": uri, "sha256": "", "digest": "", "bytes": 99, "kind": kind}


def long_folder(folder, n_done=40, n_bad=60):
    """The folder, and how its artifacts are read."""
    (folder / "stages" / "main").mkdir(parents=True)
    keys = [f"{LONG_KEY}{i:03d}" for i in range(n_done + n_bad)]
    records = [
        {
            "row_key": key,
            "status": "done",
            "attempts": 1,
            "metric.psnr": 20.0 + i / 10,
            "metric.a_metric_with_quite_a_long_name_indeed_mm": float(i),
            **{f"metric.m{j}": float(i * j) for j in range(14)},
            "output.image": saved("image.nii.gz", "nifti"),
            **{f"output.{name}": saved(name) for name in PICTURES},
            "seconds.compute": 1.0 + i,
            "seconds.read": 0.1,
            "warnings": [f"warning {chr(97 + i % 26)} {'w' * 200}"],
        }
        for i, key in enumerate(keys[:n_done])
    ]
    records += [
        {
            "row_key": key,
            "status": ("failed", "quarantined")[i % 2],
            "attempts": 3,
            "error_class": "InputError",
            "error": f"reason {chr(97 + i % 26)} {'x' * 300} (file_{i}.npz): expected {i}; mend it",
        }
        for i, key in enumerate(keys[n_done:])
    ]
    write_results(folder / "stages" / "main" / "results.parquet", cohort_table(keys), records)
    facts = {"run_id": "long-" + "a" * 60, "name": "a job with a long name", "created_at": 1e9}
    (folder / "run.json").write_text(json.dumps({**facts, "cohort": {"digest": "c" * 64}}))
    (folder / "job.yaml").write_text(f"name: x\ndescription: {'many words ' * 40}\nlong: {'y' * 400}\n")
    return folder, lambda uri: png(*PICTURES[uri])
