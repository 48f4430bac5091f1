"""What an index tells of itself, and whether it is sound."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from scanmill.arrays import HostArray
from scanmill.retrieval.entries import NUMBER
from scanmill.retrieval.manifest import Manifest
from scanmill.retrieval.masters import Master
from scanmill.retrieval.recall import recall_against
from scanmill.retrieval.saved_embedding import embedding_problem
from scanmill.retrieval.segments import damage, read_entries
from scanmill.retrieval.state import State, is_outgrown


def facts(state: State) -> dict[str, Any]:
    """Numbers of an index, for `scanmill index info`; ``recall_at_10`` is that of the last build.

    ``learned_on`` is how many entries the cells were learned on; ``outgrown`` says that a build would change the
    method or the cells (:meth:`scanmill.retrieval.Index.renew`).
    """
    manifest, table = state.manifest, state.contents.table
    kinds = pc.value_counts(table["kind"]).to_pylist()
    parts = (*manifest.entries, *manifest.removed)
    return {
        "entries": len(table),
        "kinds": {str(one["values"]): int(one["counts"]) for one in kinds},
        "patients": len(table["patient_key"].drop_null().unique()),
        "embedding": manifest.digest,
        "dimension": manifest.dimension,
        "metric": manifest.metric,
        **method_facts(state.master),
        "outgrown": is_outgrown(state),
        "recall_at_10": state.master.recall,
        "generation": manifest.generation,
        "segments": len(manifest.entries),
        "removed": sum(segment.rows for segment in manifest.removed),
        "bytes": sum(segment.bytes for segment in parts),
    }


def method_facts(master: Master) -> dict[str, Any]:
    """How it searches: all compared, or in how many of how many cells."""
    if master.method == "flat":
        return {"method": "flat"}
    cells, probes, learned = master.cells, master.n_probes, master.n_learned  # type: ignore[attr-defined]
    return {"method": "ivf", "cells": cells, "probes": probes, "learned_on": learned}


def file_problems(folder: Path, manifest: Manifest) -> list[str]:
    """What is wrong with the files of an index, all of them read and digested."""
    found = ((segment.name, damage(folder, segment)) for segment in (*manifest.entries, *manifest.removed))
    problems = [f"{name}: {wrong}" for name, wrong in found if wrong]
    embedding = embedding_problem(folder, manifest)
    return [*problems, embedding] if embedding else problems


def examine(folder: Path, state: State) -> dict[str, Any]:
    """The numbers, the recall of today, and what is wrong: a damaged segment, a count that does not add up."""
    manifest, contents = state.manifest, state.contents
    problems = file_problems(folder, manifest)
    expected = sum(one.rows for one in manifest.entries) - sum(one.rows for one in manifest.removed)
    if not expected == len(contents) == len(state.master):
        problems.append(f"the files hold {expected} entries, the table {len(contents)}, the master {len(state.master)}")
    if len(contents.table["image_id"].unique()) != len(contents):
        problems.append("an entry stands twice")
    measured = None if problems else recall_against(state.master, _truth(folder, state))
    return {**facts(state), "recall_at_10": measured, "problems": problems}


def _truth(folder: Path, state: State) -> Iterator[tuple[HostArray, HostArray]]:
    """The rows and vectors of every segment, as they stand in Parquet."""
    numbers = state.contents.numbers
    for segment in state.manifest.entries:
        table, vectors = read_entries(folder, segment, state.manifest.dimension)
        mine = np.asarray(table[NUMBER].to_numpy())
        rows = np.minimum(np.searchsorted(numbers, mine), max(0, len(numbers) - 1))
        alive = numbers[rows] == mine if len(numbers) else np.zeros(len(mine), dtype=bool)
        yield rows[alive], vectors[alive]
