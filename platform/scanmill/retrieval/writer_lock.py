"""One writer an index: an exclusive lock that dies with its process."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scanmill.errors import ResourceError
from scanmill.storage.faults import storage_faults

NAME = "writer.lock"
POLL_S = 0.05

_HELD: set[int] = set()
"""Descriptors whose end a forked child closes, lest it keep the lock beyond its parent's death."""


@contextmanager
def writer_lock(folder: Path, wait_s: float) -> Iterator[None]:
    """Hold the index's `flock`; ResourceError while another writer lives, after ``wait_s`` seconds of trying.

    The file stays: removing it would let two writers lock two files of one name.
    """
    with storage_faults(NAME):
        descriptor = os.open(folder / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    _HELD.add(descriptor)
    try:
        _take(descriptor, folder.name, time.monotonic() + wait_s)
        try:
            yield
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        _HELD.discard(descriptor)
        os.close(descriptor)


def _take(descriptor: int, where: str, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise ResourceError("another writer is at work on this index", where=where, do="wait for it") from None
            time.sleep(POLL_S)
        else:
            return


def _forget_all() -> None:
    for descriptor in _HELD:
        os.close(descriptor)
    _HELD.clear()


os.register_at_fork(after_in_child=_forget_all)
