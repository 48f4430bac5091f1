"""An index in several parts: entries dealt out by their ids, every part asked, the answers merged as of one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from scanmill.arrays import HostArray
from scanmill.errors import ResourceError
from scanmill.retrieval.answers import Answers, complete_table
from scanmill.retrieval.entries import image_ids
from scanmill.retrieval.index import Index


class Pool(Protocol):
    """Where the shards are: in this process, or each in an actor on a node of its own."""

    def call(self, method: str, *arguments: Any, **named: Any) -> list[Any]:
        """What each shard answers, in their order; None for one that is away."""


class ShardedIndex:
    """Searches all shards; an answer without one of them is marked as partial."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def search(
        self,
        vectors: HostArray,
        k: int = 10,
        *,
        where: str | None = None,
        exclude_patients: Sequence[str | None] | str | None = None,
        kinds: Collection[str] | None = None,
    ) -> Answers:
        """As of one index; ``complete`` is False while a shard is away. ResourceError where all of them are."""
        knobs = {"where": where, "exclude_patients": exclude_patients, "kinds": kinds}
        return merged(self._pool.call("search", vectors, k, **knobs), k)

    def info(self) -> list[dict[str, Any] | None]:
        """The numbers of every shard; None for one that is away."""
        return self._pool.call("info")


def open_shard(folder: str) -> Index:
    """The index in a folder: what an actor on another node calls."""
    return Index.open(Path(folder))


def split(table: pa.Table, n: int) -> list[pa.Table]:
    """The entries of each of ``n`` shards, by their image ids alone: the same entry always goes to the same shard."""
    digits = [int(one[:8], 16) % n for one in image_ids(table).to_pylist()]
    shard = np.array(digits, dtype=np.int64)
    return [table.filter(pa.array(shard == i)) for i in range(n)]


def merged(parts: Sequence[Answers | None], k: int) -> Answers:
    """The k best of the answers of all shards, ranked anew; of equal scores the smaller image id goes first."""
    there = [part for part in parts if part is not None]
    if not there:
        raise ResourceError("no shard of the index answers", got=f"{len(parts)} away", do="try again in a moment")
    metric, complete = there[0].metric, len(there) == len(parts)
    table = pa.concat_tables([part.table for part in there], promote_options="default")
    order = "descending" if metric == "cosine" else "ascending"
    table = table.sort_by([("query", "ascending"), ("score", order), ("image_id", "ascending")])
    query = table["query"].to_numpy()
    rank = np.arange(len(query)) - np.searchsorted(query, query) + 1
    table = table.set_column(table.column_names.index("rank"), "rank", pa.array(rank.astype(np.int32)))
    best = Answers(table.filter(pa.array(rank <= k)), metric, there[0].n_queries)
    return complete_table(best, complete=complete and all(part.complete for part in there))
