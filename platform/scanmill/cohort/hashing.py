"""File digests, many at a time."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TypeVar

Progress = Callable[[int, int, int], None]
"""Called with the number of files done, of all files, and the bytes done."""

BATCH = 2_000
"""Jobs handed to the pool at once, so that a million of them do not stand in memory."""
CHUNK = 2**20

A = TypeVar("A")
B = TypeVar("B")


def n_workers(workers: int | None) -> int:
    """The number of threads: as given, else one per core and a few more, since they wait for the disk too."""
    return workers if workers and workers > 0 else min(32, (os.cpu_count() or 1) + 4)


def in_parallel(work: Callable[[A], B], items: Iterable[A], workers: int | None) -> Iterator[B]:
    """The results in the order of the items."""
    source = iter(items)
    with ThreadPoolExecutor(n_workers(workers), thread_name_prefix="cohort") as pool:
        while batch := list(islice(source, BATCH)):
            yield from pool.map(work, batch)


def sha256_of(path: Path) -> tuple[str, int]:
    """The file's SHA-256 and size; OSError as it comes."""
    total, size = hashlib.sha256(), 0
    with path.open("rb", buffering=0) as stream:
        while chunk := stream.read(CHUNK):
            total.update(chunk)
            size += len(chunk)
    return total.hexdigest(), size
