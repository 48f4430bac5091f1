"""The committed state of an index in memory: it follows the commits of other processes, and makes its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from scanmill.errors import SpecError
from scanmill.retrieval import manifest as manifests
from scanmill.retrieval import segments
from scanmill.retrieval.changes import Changes
from scanmill.retrieval.manifest import Manifest, read_manifest
from scanmill.retrieval.saved_master import save_master, saved_record
from scanmill.retrieval.shared_lock import SharedLock
from scanmill.retrieval.state import Delta, State, advance, is_build, is_outgrown, load_state, read_delta, rebuilt
from scanmill.retrieval.writer_lock import writer_lock

SAVED_AFTER = 10_000, 0.1
"""Changes, and the share of the entries, after which a writer saves the FAISS file anew."""
TRIES = 5


class Committed:
    """The last commit that this process has read or made. Many threads may read; one at a time changes it."""

    def __init__(self, folder: Path, wait_s: float) -> None:
        self.folder, self._wait_s = folder, wait_s
        self._lock, self._changing = SharedLock(), threading.RLock()
        self._seen, self.state = self._loaded()

    def latest(self) -> State:
        """The state, brought up to the last commit on the disk."""
        if _signature(self.folder) != self._seen and self._changing.acquire(blocking=False):
            try:  # else another thread is bringing it up, and what was committed before it is whole
                self._follow()
            finally:
                self._changing.release()
        return self.state

    @contextmanager
    def reading(self) -> Iterator[State]:
        """The state, which nobody changes meanwhile."""
        with self._lock.reading():
            yield self.state

    @contextmanager
    def writing(self) -> Iterator[None]:
        """The only writer of all processes, from the last commit on."""
        with self._changing, writer_lock(self.folder, self._wait_s):
            self._follow()
            self._take_newer_cells()
            segments.sweep(self.folder, self.state.manifest)
            yield

    def commit(self, changes: Changes) -> None:
        """One generation more; the memory follows the disk. For a writer."""
        old = self.state.manifest
        added, removed, delta = changes.written(self.folder, old)
        if added is None and removed is None:
            return
        fresh = old.then(added, removed, numbers=added.rows if added else 0)
        fresh.write(self.folder)
        with self._lock.writing():
            advance(self.state, Delta(fresh, delta, [changes.removed] if removed else []))
        n_added = added.rows if added else 0
        self.settle(rebuild=is_outgrown(self.state) and is_build(self.state, n_added))

    def commit_compacted(self, manifest: Manifest) -> None:
        """The same entries by another manifest, whose segments are on the disk, and a master made anew."""
        manifest.write(self.folder)
        with self._lock.writing():
            self.state = replace(self.state, manifest=manifest)
        self.settle(rebuild=True)
        segments.sweep(self.folder, manifest)

    def settle(self, *, rebuild: bool) -> None:
        """Another master if that is asked for; the master's file where enough has changed since the last."""
        if rebuild:
            state = rebuilt(self.state)
            with self._lock.writing():
                self.state = state
        state, (least, share) = self.state, SAVED_AFTER
        if rebuild or state.changed > max(least, share * len(state.contents)):
            save_master(self.folder, state.manifest, state.master)
            state.changed = 0
        self._seen = _signature(self.folder)

    def _follow(self) -> None:
        """Read what is committed, and follow it: by what is new where it goes on from here, else from the start."""
        seen, manifest, mine = _signature(self.folder), read_manifest(self.folder), self.state.manifest
        if manifest == mine:
            self._seen = seen
            return
        delta = None
        if manifest.generation > mine.generation:
            delta = _unless_replaced(lambda: read_delta(self.folder, mine, manifest), self.folder, manifest)
        if delta is None:
            seen, state = self._loaded()
            with self._lock.writing():
                self._seen, self.state = seen, state
        else:
            with self._lock.writing():
                advance(self.state, delta)
                self._seen = seen

    def _take_newer_cells(self) -> None:
        """Another writer may have learned cells on more entries, without a commit: they must not be written over."""
        record, mine = saved_record(self.folder, self.state.manifest), getattr(self.state.master, "n_learned", 0)
        if record is not None and (record["n_learned"] or 0) > mine:
            state = load_state(self.folder, self.state.manifest)
            with self._lock.writing():
                self.state = state

    def _loaded(self) -> tuple[Any, State]:
        """The last commit; read again where a compaction has taken its files away meanwhile."""
        for left in reversed(range(TRIES)):
            seen, manifest = _signature(self.folder), read_manifest(self.folder)
            try:
                return seen, load_state(self.folder, manifest)
            except SpecError:
                if not left or read_manifest(self.folder).generation == manifest.generation:
                    raise
        raise AssertionError("unreachable")


def _signature(folder: Path) -> Any:
    """What tells a search that there was a commit; a writer reads the manifest itself."""
    try:
        facts = (folder / manifests.NAME).stat()
    except OSError:
        return None
    return facts.st_ino, facts.st_mtime_ns, facts.st_size


def _unless_replaced(read: Callable[[], Delta | None], folder: Path, manifest: Manifest) -> Delta | None:
    """What is read; None where its files are gone because a later generation has replaced them."""
    try:
        return read()
    except SpecError:
        if read_manifest(folder).generation == manifest.generation:
            raise
        return None
