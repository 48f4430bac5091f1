"""Two shards on two Ray nodes answer as one index; with one killed the answer says that it is partial, and it heals."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from image_entries import Description, some_entries
from scanmill.retrieval import Index, shards

SCRIPT = Path(__file__).parents[1] / "two_shards.py"


@pytest.mark.ray
@pytest.mark.long
@pytest.mark.xdist_group("ray")
def test_two_shards_on_two_nodes(tmp_path):
    table = some_entries(200)
    for name, part in zip(("one", "a", "b"), (table, *shards.split(table, 2)), strict=True):
        Index.create(tmp_path / name, Description()).add(part)
    command = [sys.executable, SCRIPT, *(tmp_path / name for name in ("one", "a", "b"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert len(told["one index"]["answers"]) == 35
    assert told["together"] == told["one index"]
    assert len(set(told["nodes"])) == 2
    assert "no_such_column" in told["error"]
    assert not told["without the first"]["complete"]
    assert told["without the first"]["answers"] == told["the second alone"]["answers"]
    assert told["healed"] == told["one index"]
    assert told["new process"]
