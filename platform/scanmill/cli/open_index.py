"""An index as it is asked: one folder, or a folder of shards of which some may be away."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scanmill.algorithms.features import Embedding
from scanmill.arrays import HostArray
from scanmill.errors import InputError, ResourceError, SpecError
from scanmill.retrieval import Answers, Index
from scanmill.retrieval.manifest import NAME
from scanmill.retrieval.shards import ShardedIndex

SHARD = re.compile(r"shard-(\d{3,})-of-(\d{3,})")
"""The name of a shard's folder: its number, the first is 0, and how many there are."""


@dataclass(frozen=True, eq=False)
class OpenIndex:
    """The shards of an index, in the order of their numbers; None for one that is ``away``, by its name and why."""

    shards: tuple[Index | None, ...]
    away: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return sum(len(shard) for shard in self.there)

    @property
    def there(self) -> tuple[Index, ...]:
        """The shards that can be asked."""
        return tuple(shard for shard in self.shards if shard is not None)

    @property
    def metric(self) -> str:
        """ "cosine" or "l2"."""
        return self.there[0].manifest.metric

    def embedding(self) -> Embedding:
        """What made the vectors."""
        return self.there[0].embedding()

    def kinds(self) -> Counter[str]:
        """How many entries there are of each kind."""
        return sum((Counter(shard.info()["kinds"]) for shard in self.there), Counter())

    def search(
        self, vectors: HostArray, k: int, *, where: str | None, exclude_patients: str | None, kinds: Collection[str]
    ) -> Answers:
        """As of :meth:`scanmill.retrieval.Index.search`; partial while a shard is away."""
        knobs: dict[str, Any] = {"where": where, "exclude_patients": exclude_patients, "kinds": kinds}
        if len(self.shards) == 1:
            return self.there[0].search(vectors, k, **knobs)
        return ShardedIndex(self).search(vectors, k, **knobs)

    def call(self, method: str, *arguments: Any, **named: Any) -> list[Any]:
        """What each shard answers; None for one that is away."""
        return [None if shard is None else getattr(shard, method)(*arguments, **named) for shard in self.shards]


def open_index(folder: Path) -> OpenIndex:
    """The index in a folder, or that of the shards in its folders (`scanmill index split` makes them).

    Raises SpecError where there is none, or shards of different indexes; ResourceError where all are away.
    """
    names = [] if (folder / NAME).exists() else [one.name for one in folder.iterdir() if SHARD.fullmatch(one.name)]
    if not names:
        return OpenIndex((Index.open(folder),))
    found, away = list[Index | None](), {}
    for name in _all_names(folder, names):
        try:
            found.append(Index.open(folder / name))
        except (SpecError, InputError, ResourceError) as error:
            found.append(None)
            away[name] = str(error) if (folder / name).exists() else "the folder is not there"
    _check_shards(folder, found, away)
    return OpenIndex(tuple(found), away)


def _all_names(folder: Path, names: Sequence[str]) -> list[str]:
    """The names of all shards that there should be, by those that are there."""
    counts = {int(name.rpartition("-")[2]) for name in names}
    if len(counts) > 1:
        raise SpecError("shards of different splits", where=folder.name, got=" and ".join(map(str, sorted(counts))))
    (n,) = counts
    return [shard_name(number, n) for number in range(n)]


def _check_shards(folder: Path, found: Sequence[Index | None], away: Mapping[str, str]) -> None:
    digests = {shard.manifest.digest for shard in found if shard is not None}
    if len(digests) > 1:
        raise SpecError("shards of different embeddings", where=folder.name, got=len(digests))
    if not digests:
        name, why = next(iter(away.items()))
        raise ResourceError("no shard of the index can be opened", where=folder.name, got=f"{name}: {why}")


def shard_name(number: int, n: int) -> str:
    """What a shard's folder is called.

    >>> shard_name(1, 4)
    'shard-001-of-004'
    """
    return f"shard-{number:03d}-of-{n:03d}"


def split_index(index: Index, folder: Path, n: int) -> Sequence[Index]:
    """The same entries dealt out to ``n`` new indexes in the empty or absent ``folder``."""
    from scanmill.retrieval.entries import VECTOR, as_column
    from scanmill.retrieval.shards import split

    if folder.exists() and any(folder.iterdir()):
        raise SpecError("shards need a folder of their own", where=folder.name, got="something is there already")
    table = index.entries()
    table = table.append_column(VECTOR, as_column(index.vectors(table["image_id"].to_pylist())))
    made = []
    for number, part in enumerate(split(table, n)):
        made.append(Index.create(folder / shard_name(number, n), index.embedding(), index.manifest.metric))
        made[-1].add(part)
    return made
