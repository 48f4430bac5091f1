"""A writer is killed at any moment: the index opens, and holds exactly what was committed."""

import random
import subprocess
import sys
import time

import numpy as np
import pytest

import index_writer
from image_entries import Description, some_entries
from scanmill.retrieval import Index


def killed_after(folder, seconds):
    """The words that the writer told before it was killed, so long after its first."""
    process = subprocess.Popen([sys.executable, index_writer.__file__, folder], stdout=subprocess.PIPE, text=True)
    words = process.stdout.readline()
    time.sleep(seconds)
    process.kill()
    words += process.stdout.read()
    process.stdout.close()
    process.wait()
    return words.split("\n")


def holds(index, entries):
    keys, ids = (index.entries()[name].to_pylist() for name in ("row_key", "image_id"))
    if sorted(keys) != sorted(entries):
        return False
    expected = [entries[key] / np.linalg.norm(entries[key]) for key in keys]
    return not keys or np.allclose(index.vectors(ids), expected, atol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_exactly_what_was_committed(tmp_path, seed):
    folder = tmp_path / "index"
    Index.create(folder, Description())
    words = killed_after(folder, random.Random(seed).uniform(0.05, 1.5))
    begun, done = words.count("begin"), words.count("done")
    assert done <= begun <= done + 1
    index = Index.open(folder)
    assert index.check()["problems"] == []
    assert any(holds(index, index_writer.entries_after(n)) for n in {done, begun})
    assert index.add(some_entries(5, start=900_000)) == 5
    assert holds(
        Index.open(folder),
        dict(
            zip(
                index.entries()["row_key"].to_pylist(),
                index.vectors(index.entries()["image_id"].to_pylist()),
                strict=True,
            )
        ),
    )
    named = {segment.name for segment in (*index.manifest.entries, *index.manifest.removed)}
    assert {path.name for path in folder.iterdir() if ".parquet" in path.name} == named


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4, 40))
def test_at_many_more_moments(tmp_path, seed):
    test_exactly_what_was_committed(tmp_path, seed)
