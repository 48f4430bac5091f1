"""A small cohort of .npy files for the engine's tests."""

import hashlib

import numpy as np
import pyarrow as pa

from scanmill.cohort import Cohort


def small_cohort(folder, n, faults, **columns):
    """Row ``r0007`` has the array ``full((4, 4), 7)``; ``faults`` maps a row's number to what goes wrong in it."""
    folder.mkdir(parents=True, exist_ok=True)
    keys = [f"r{i:04d}" for i in range(n)]
    files = []
    for i, key in enumerate(keys):
        path = folder / f"{key}.npy"
        np.save(path, np.full((4, 4), float(i)))
        data = path.read_bytes()
        files.append((key, "image", "npy", "data", path.name, len(data), hashlib.sha256(data).hexdigest()))
    table = {
        "row_key": keys,
        "patient_key": pa.array([f"p{i // 2}" for i in range(n)], pa.string()),
        "content_digest": [f[-1] for f in files],
        "bytes": pa.array([f[-2] for f in files], pa.int64()),
        "n_files": pa.array([1] * n, pa.int32()),
        "card": [""] * n,
        "contains_identity": [False] * n,
        "fault": [faults.get(i, "") for i in range(n)],
        "group": [f"g{i // 3}" for i in range(n)],
        **columns,
    }
    names = ("row_key", "role", "reader", "root", "path", "bytes", "sha256")
    types = (*(pa.string(),) * 5, pa.int64(), pa.string())
    columns_of_files = zip(*files, strict=True) if files else ((),) * 7
    side = {name: pa.array(values, kind) for name, kind, values in zip(names, types, columns_of_files, strict=True)}
    return Cohort(pa.table(table), pa.table(side), {"data": folder.as_uri()})
