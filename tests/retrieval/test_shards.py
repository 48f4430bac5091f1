"""An index in parts answers as the whole; a part that is away makes the answer partial."""

import pytest

from image_entries import Description, some_entries, some_vectors
from scanmill.errors import ResourceError
from scanmill.retrieval import Index, shards

TABLE = some_entries(500)
ASKED = [{}, {"where": "age < 40"}, {"kinds": ["region"]}, {"exclude_patients": [f"p{i}" for i in range(12)]}]


class InThisProcess:
    """Shards one after another."""

    def __init__(self, parts):
        self.parts = parts

    def call(self, method, *arguments, **named):
        return [getattr(part, method)(*arguments, **named) for part in self.parts]


@pytest.fixture(scope="module", params=["cosine", "l2"])
def whole_and_parts(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("indexes")
    whole = Index.create(folder / "whole", Description(), request.param)
    whole.add(TABLE)
    parts = []
    for i, table in enumerate(shards.split(TABLE, 3)):
        parts.append(Index.create(folder / f"part{i}", Description(), request.param))
        parts[-1].add(table)
    return whole, parts


@pytest.mark.parametrize("asked", ASKED, ids=["all", "where", "kinds", "patients"])
def test_parts_answer_as_the_whole_to_the_bit(whole_and_parts, asked):
    whole, parts = whole_and_parts
    one = whole.search(some_vectors(12, seed=3), 9, **asked)
    merged = shards.ShardedIndex(InThisProcess(parts)).search(some_vectors(12, seed=3), 9, **asked)
    assert merged.complete
    assert merged.table.equals(one.table)


def test_every_entry_is_in_one_part(whole_and_parts):
    tables = shards.split(TABLE, 3)
    assert sum(len(table) for table in tables) == len(TABLE)
    assert min(len(table) for table in tables) > 100
    again = shards.split(TABLE.slice(100, 50), 3)
    for table, small in zip(tables, again, strict=True):
        assert set(small["row_key"].to_pylist()) <= set(table["row_key"].to_pylist())


def test_without_a_part_the_answer_is_partial(whole_and_parts):
    _, parts = whole_and_parts
    answers = [part.search(some_vectors(2), 5) for part in parts]
    partial = shards.merged([answers[0], None, answers[2]], 5)
    assert not partial.complete
    assert partial.table["complete"].to_pylist() == [False] * 10
    assert partial.table["rank"].to_pylist() == [1, 2, 3, 4, 5] * 2
    with pytest.raises(ResourceError, match="no shard"):
        shards.merged([None, None, None], 5)
