"""An index in memory: one committed generation, its entries and their vectors; from the disk, and from the last one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from scanmill.arrays import HostArray
from scanmill.errors import SpecError
from scanmill.retrieval.contents import Contents
from scanmill.retrieval.entries import NUMBER
from scanmill.retrieval.exact import Gather
from scanmill.retrieval.flat import FlatMaster
from scanmill.retrieval.ivf import IvfMaster, method_for
from scanmill.retrieval.manifest import RESTORE, Manifest, Segment
from scanmill.retrieval.masters import Master
from scanmill.retrieval.saved_master import open_master, saved_record
from scanmill.retrieval.segments import read_entries, read_removed, read_words

FEWEST_FOR_CELLS = 1000
"""Fewer entries than this have no cells, whatever is asked for."""


@dataclass
class State:
    """What searches read; ``changed`` entries came or went since its FAISS file was written."""

    manifest: Manifest
    contents: Contents
    master: Master
    changed: int = 0


@dataclass(frozen=True)
class Delta:
    """What a later generation adds, a pair of entries and vectors a segment, and the numbers that it removes."""

    manifest: Manifest
    added: Sequence[tuple[pa.Table, HostArray]] = ()
    removed: Sequence[HostArray] = ()


def load_state(folder: Path, manifest: Manifest) -> State:
    """The committed entries: through the FAISS file as far as it reaches, else all from Parquet.

    Raises SpecError for a segment that is damaged.
    """
    state = _saved_state(folder, manifest)
    if state is not None:
        delta = read_delta(folder, state.manifest, manifest)
        assert delta is not None
        advance(state, delta)
        return state
    delta = read_delta(folder, None, manifest)
    assert delta is not None
    return _built(delta)


def read_delta(folder: Path, known: Manifest | None, manifest: Manifest) -> Delta | None:
    """What ``manifest`` has beyond ``known``, read from the disk; None where it is not a continuation of it."""
    fresh: dict[str, Sequence[Segment]] = {}
    for word in ("entries", "removed"):
        old = getattr(known, word) if known else ()
        new = getattr(manifest, word)
        if new[: len(old)] != old:
            return None
        fresh[word] = new[len(old) :]
    added = [read_entries(folder, segment, manifest.dimension) for segment in fresh["entries"]]
    return Delta(manifest, added, [read_removed(folder, segment) for segment in fresh["removed"]])


def advance(state: State, delta: Delta) -> None:
    """Make the state that of ``delta``'s generation, in place."""
    for table, vectors in delta.added:
        contents = state.contents.with_added(table)
        state.master.add(np.asarray(table[NUMBER].to_numpy(), dtype=np.int64), vectors)
        state.contents = contents
        state.changed += len(table)
    if delta.removed:
        rows = state.contents.rows_of_numbers(np.concatenate(delta.removed))
        state.master.remove(rows)
        state.contents = state.contents.without(rows)
        state.changed += len(rows)
    state.manifest = delta.manifest


def rebuilt(state: State) -> State:
    """The same entries with a master made anew, by the rule for their number."""
    master = _master(state.manifest, state.contents.numbers, state.master.vectors, state.master.all_vectors)
    return State(state.manifest, state.contents, master)


def is_outgrown(state: State) -> bool:
    """Whether the rule asks for another method by now, or the cells were learned on less than half of the entries."""
    master, wanted = state.master, _method(state.manifest, len(state.contents))
    return wanted != master.method or (isinstance(master, IvfMaster) and len(master) > 2 * master.n_learned)


def is_build(state: State, n_added: int) -> bool:
    """Whether the last ``n_added`` entries at least doubled the index, so that a master made anew is in proportion."""
    return 2 * n_added >= len(state.contents)


def _saved_state(folder: Path, manifest: Manifest) -> State | None:
    record = saved_record(folder, manifest)
    if record is None:
        return None
    covered = _beginning(manifest, record)
    contents = Contents.empty()
    for segment in covered.entries:
        contents = contents.with_added(read_words(folder, segment))
    dead = [read_removed(folder, segment) for segment in covered.removed]
    if dead:
        contents = contents.without(contents.rows_of_numbers(np.concatenate(dead)))
    master = open_master(folder, manifest, record, contents.numbers)
    return None if master is None else State(covered, contents, master)


def _beginning(manifest: Manifest, record: Mapping[str, Sequence[str]]) -> Manifest:
    entries, removed = manifest.entries[: len(record["entries"])], manifest.removed[: len(record["removed"])]
    return replace(manifest, entries=entries, removed=removed)


def _built(delta: Delta) -> State:
    """All from Parquet; the removed ones never enter the master."""
    dead = np.concatenate(delta.removed) if delta.removed else np.zeros(0, np.int64)
    contents, kept = Contents.empty(), []
    for table, vectors in delta.added:
        alive = ~np.isin(table[NUMBER].to_numpy(), dead)
        contents = contents.with_added(table if alive.all() else table.filter(pa.array(alive)))
        kept.append(vectors if alive.all() else vectors[alive])
    if len({*contents.table["image_id"].to_pylist()}) != len(contents):
        raise SpecError("an entry stands twice in the index", do=RESTORE)
    vectors = np.concatenate(kept) if len(kept) > 1 else kept[0] if kept else _none(delta.manifest)
    master = _master(delta.manifest, contents.numbers, vectors.__getitem__, lambda: vectors)
    return State(delta.manifest, contents, master, changed=len(contents))


def _master(manifest: Manifest, numbers: HostArray, gather: Gather, everything: Callable[[], HostArray]) -> Master:
    """A new master: flat from all vectors at once, cells from some at a time, so that neither holds them twice."""
    if _method(manifest, len(numbers)) == "ivf":
        return IvfMaster.learned(numbers, gather, manifest.metric)
    master = FlatMaster(manifest.dimension, manifest.metric)
    master.add(numbers, everything())
    return master


def _method(manifest: Manifest, n: int) -> str:
    return "flat" if n < FEWEST_FOR_CELLS else method_for(n, manifest.method)


def _none(manifest: Manifest) -> HostArray:
    return np.zeros((0, manifest.dimension), np.float32)
