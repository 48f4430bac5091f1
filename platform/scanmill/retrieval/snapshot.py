"""A copy of an index's committed state, itself an index."""

from __future__ import annotations

import shutil
from pathlib import Path

from scanmill.cohort import parquet
from scanmill.errors import SpecError
from scanmill.retrieval.manifest import Manifest
from scanmill.retrieval.segments import damage
from scanmill.storage.faults import storage_faults

COPY_BYTES = 2**22


def copy_index(source: Path, target: Path, manifest: Manifest) -> None:
    """Copy the segments, each checked by its digest afterwards, and at last the manifest.

    The FAISS file stays behind: the copy makes its own. Raises SpecError where the target holds something, or where
    a segment is damaged.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise SpecError("a snapshot needs a folder of its own", where=target.name, got="something is there already")
    names = [segment.name for segment in (*manifest.entries, *manifest.removed)]
    for name in (*names, *(path.name for path in source.glob("embedding.json"))):
        with storage_faults(name), (source / name).open("rb") as stream, parquet.atomic(target / name) as copy:
            shutil.copyfileobj(stream, copy, COPY_BYTES)
    for segment in (*manifest.entries, *manifest.removed):
        wrong = damage(target, segment)
        if wrong:
            raise SpecError(
                "a segment of the index is damaged",
                where=segment.name,
                got=wrong,
                do="build another index from the runs",
            )
    manifest.write(target)
