"""An index as it is asked: one folder, or a folder of shards of which some may be away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanmill.algorithms.features import Embedding
from scanmill.arrays import HostArray
from scanmill.errors import InputError, ResourceError, SpecError
from scanmill.retrieval import Answers, Index
from scanmill.retrieval.manifest import NAME
from scanmill.retrieval.shards import ShardedIndex


@dataclass(frozen=True, eq=False)
class OpenIndex:
    """The shards of an index, in the order of their folders; None for one that is away."""

    shards: tuple[Index | None, ...]

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

    Raises SpecError where there is none, or shards of different embeddings; ResourceError where all are away.
    """
    parts = [] if (folder / NAME).exists() else sorted(one for one in folder.iterdir() if one.is_dir())
    if not any(part.name.startswith("shard-") for part in parts):
        return OpenIndex((Index.open(folder),))
    shards = tuple(_unless_away(part) for part in parts if part.name.startswith("shard-"))
    digests = {shard.manifest.digest for shard in shards if shard is not None}
    if len(digests) > 1:
        raise SpecError("shards of different embeddings", where=folder.name, got=len(digests))
    if not digests:
        raise ResourceError("no shard of the index can be opened", where=folder.name, got=f"{len(shards)} away")
    return OpenIndex(shards)


def _unless_away(folder: Path) -> Index | None:
    try:
        return Index.open(folder)
    except (SpecError, InputError, ResourceError):
        return None


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
        made.append(Index.create(folder / f"shard-{number:03d}", index.embedding(), index.manifest.metric))
        made[-1].add(part)
    return made
