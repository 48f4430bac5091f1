"""A process that changes an index step by step until it is killed; and what its steps come to, by a dictionary."""

import sys

from image_entries import matrix, some_entries
from scanmill.retrieval import Index
from scanmill.retrieval import committed as module

MOST = 10_000


def steps():
    """(verb, what), endlessly: entries to add or update, row keys to remove, or a compaction."""
    for i in range(MOST):
        yield "add", some_entries(25, start=25 * i)
        if i % 2:
            yield "update", some_entries(10, start=25 * i + 5, seed=1)
        if i % 3 == 2:
            yield "remove", [f"rows/r{n:06d}" for n in range(25 * i - 30, 25 * i, 4)]
        if i % 4 == 3:
            yield "compact", None


def change(index, verb, what):
    if verb == "remove":
        index.remove(f"row_key in ({', '.join(map(repr, what))})")
    elif verb == "compact":
        index.compact()
    else:
        getattr(index, verb)(what)


def entries_after(n_steps):
    """Row key to vector, by a dictionary."""
    entries = {}
    for (verb, what), _ in zip(steps(), range(n_steps), strict=False):
        if verb in {"add", "update"}:
            entries |= dict(zip(what["row_key"].to_pylist(), matrix(what), strict=True))
        elif verb == "remove":
            entries = {key: vector for key, vector in entries.items() if key not in what}
    return entries


if __name__ == "__main__":
    module.SAVED_AFTER = 60, 0.0  # the FAISS file is written often too
    mine = Index.open(sys.argv[1])
    for step in steps():
        print("begin", flush=True)
        change(mine, *step)
        print("done", flush=True)
