"""What an index consists of, in one small file: it names the committed segments, and nothing else is in the index."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from scanmill.cohort import parquet
from scanmill.errors import SpecError
from scanmill.storage.faults import storage_faults

NAME = "index.json"
FORMAT = 1
LARGEST_BYTES = 2**26
METRICS = ("cosine", "l2")
METHODS = ("auto", "flat", "ivf")
MOST_DIMENSIONS = 2**16
RESTORE = "restore it from a snapshot, or build another index from the runs"
"""What to do where an index is damaged: the run folders are the truth."""
_FILE = re.compile(r"(entries|removed)-\d{8}-[0-9a-f]{8}\.parquet")


@dataclass(frozen=True)
class Segment:
    """A committed Parquet file: entries, or the numbers of removed ones."""

    name: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """One committed state of an index.

    Numbers are given to entries as they come and never again; ``next_number`` is the first that is free. A commit
    is the replacement of this file by one of the next ``generation``, flushed, in one rename: before it nothing of
    the commit counts, after it everything does.
    """

    embedding: Mapping[str, Any]
    digest: str
    dimension: int
    metric: str
    method: str = "auto"
    generation: int = 0
    next_number: int = 0
    entries: tuple[Segment, ...] = ()
    removed: tuple[Segment, ...] = ()
    format: int = FORMAT

    def then(self, added: Segment | None = None, removed: Segment | None = None, *, numbers: int = 0) -> Manifest:
        """The next generation, with one more segment of entries or removals, or both."""
        return replace(
            self,
            generation=self.generation + 1,
            next_number=self.next_number + numbers,
            entries=self.entries + ((added,) if added else ()),
            removed=self.removed + ((removed,) if removed else ()),
        )

    def compacted(self, segment: Segment | None) -> Manifest:
        """The next generation, all live entries in one segment."""
        return replace(self, generation=self.generation + 1, entries=(segment,) if segment else (), removed=())

    def write(self, folder: Path) -> None:
        """Commit it: the file is whole and on the disk before it has its name."""
        parquet.write_bytes(folder / NAME, (json.dumps(asdict(self), indent=1) + "\n").encode())


def read_manifest(folder: Path) -> Manifest:
    """The committed state; SpecError where there is no index, or one of another format."""
    path = folder / NAME
    if not path.is_file():
        raise _no_index(folder)
    with storage_faults(NAME):
        content = path.read_bytes() if path.stat().st_size <= LARGEST_BYTES else b""
    try:
        fields = json.loads(content)
        if fields["format"] != FORMAT:
            raise SpecError("an index of another format", where=folder.name, expected=FORMAT, got=fields["format"],
                            do="update Scanmill")  # fmt: skip
        for word in ("entries", "removed"):
            fields[word] = tuple(Segment(**one) for one in fields[word])
        manifest = Manifest(**fields)
        _check(manifest)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise SpecError("the index cannot be read", where=f"{folder.name}/{NAME}", got="damaged, or not ours",
                        do=RESTORE) from error  # fmt: skip
    return manifest


def _no_index(folder: Path) -> SpecError:
    if any(folder.glob("shard-*-of-*")):
        do = "`scanmill search` asks them together; anything else is asked of the index that was split, or of one shard"
        return SpecError("these are the shards of an index", where=folder.name, do=do)
    return SpecError("there is no index here", where=folder.name, do="make one with `scanmill index build`")


def _check(manifest: Manifest) -> None:
    names = [segment.name for segment in (*manifest.entries, *manifest.removed)]
    numbers = [n for segment in (*manifest.entries, *manifest.removed) for n in (segment.rows, segment.bytes)]
    numbers += [manifest.generation, manifest.next_number, manifest.dimension]
    if any(type(n) is not int or n < 0 for n in numbers) or not 0 < manifest.dimension <= MOST_DIMENSIONS:
        raise ValueError("numbers")
    if manifest.metric not in METRICS or manifest.method not in METHODS:
        raise ValueError("words")
    if len(set(names)) != len(names) or not all(_FILE.fullmatch(name) for name in names):
        raise ValueError("names")
