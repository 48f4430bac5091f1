"""The answers to queries, as a table: whose, which rank, which entry, how alike, and whether everyone was asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scanmill.arrays import HostArray
from scanmill.retrieval.contents import Contents


@dataclass(frozen=True, eq=False)
class Answers:
    """``table`` has a row an answer: query (its place in the batch, from 0), rank (from 1), the columns of the entry
    (image_id, row_key, region, ...), score, complete.

    ``metric`` is "cosine" (a larger score is more alike) or "l2" (a smaller one). ``complete`` is False where a part
    of the index could not be asked; then better answers may exist.
    """

    table: pa.Table
    metric: str
    n_queries: int
    complete: bool = True

    def of(self, query: int) -> pa.Table:
        """The answers to one query, best first."""
        return self.table.filter(pc.equal(self.table["query"], query))


def answers_of(contents: Contents, rows: HostArray, scores: HostArray, metric: str) -> Answers:
    """The table of found rows and their scores (n, k); -1 is no answer."""
    queries, ranks = np.nonzero(rows >= 0)
    entries = contents.take(rows[queries, ranks])
    columns = {
        "query": pa.array(queries.astype(np.int64)),
        "rank": pa.array((ranks + 1).astype(np.int32)),
        **dict(zip(entries.column_names, entries.columns, strict=True)),
        "score": pa.array(scores[queries, ranks], pa.float32()),
        "complete": pa.array(np.ones(len(queries), dtype=bool)),
    }
    return Answers(pa.Table.from_arrays(list(columns.values()), list(columns)), metric, len(rows))


def complete_table(answers: Answers, *, complete: bool) -> Answers:
    """The answers marked as complete, or as partial."""
    names = [name for name in answers.table.column_names if name != "complete"]
    marked = answers.table.select(names).append_column("complete", pa.repeat(complete, len(answers.table)))
    return Answers(marked, answers.metric, answers.n_queries, complete)
