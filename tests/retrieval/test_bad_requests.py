"""What cannot be asked of an index, or put into it, is said in a sentence; nothing changes."""

import numpy as np
import pyarrow as pa
import pytest

from image_entries import Description, some_entries, some_vectors
from scanmill.errors import InputError, SpecError
from scanmill.retrieval import Index
from scanmill.retrieval.entries import as_column

TABLE = some_entries(60)
QUERY = some_vectors(1)


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    index = Index.create(tmp_path_factory.mktemp("indexes") / "index", Description())
    index.add(TABLE)
    return index


SEARCHES = {
    "a dimension that does not fit": ({"vectors": np.ones((1, 23))}, InputError, r"\(n, 24\)"),
    "three axes": ({"vectors": np.ones((1, 1, 24))}, InputError, "do not fit"),
    "not finite": ({"vectors": np.full((1, 24), np.nan)}, InputError, "not finite"),
    "no direction": ({"vectors": np.zeros((1, 24))}, InputError, "no direction"),
    "no numbers": ({"vectors": np.array(["a"] * 24)}, InputError, "do not fit"),
    "k of nothing": ({"k": 0}, SpecError, "out of bounds"),
    "k without end": ({"k": 10**6}, SpecError, "out of bounds"),
    "an unknown column": ({"where": "modalty = 'CT'"}, SpecError, "is it 'modality'"),
    "a statement": ({"where": "true; drop table rows"}, SpecError, "anything but one condition"),
    "a file": ({"where": "age in (select 1 from read_csv('/etc/passwd'))"}, SpecError, "not allowed"),
    "a bracket too many": ({"where": "true) or (true"}, SpecError, "SQL"),
    "the vector's own column": ({"where": "vector is not null"}, SpecError, "is missing"),
    "the number of an entry": ({"where": "number = 1"}, SpecError, "is missing"),
    "an unknown kind": ({"kinds": ["study"]}, SpecError, "series, slice, region"),
    "no kind": ({"kinds": []}, SpecError, "unknown kind"),
    "patients for other queries": ({"exclude_patients": ["a", "b"]}, SpecError, "for every query"),
}


@pytest.mark.parametrize(("asked", "error", "told"), SEARCHES.values(), ids=SEARCHES)
def test_a_search_that_cannot_be(index, asked, error, told):
    with pytest.raises(error, match=told):
        index.search(**{"vectors": QUERY, "k": 3, **asked})


def with_column(name, values):
    return TABLE.set_column(TABLE.column_names.index(name), name, values)


def vectors_but_for(value):
    vectors = some_vectors(60)
    vectors[7] = value
    return as_column(vectors)


TABLES = {
    "no row keys": (TABLE.drop_columns(["row_key"]), "'row_key'"),
    "no vectors": (TABLE.drop_columns(["vector"]), "'vector'"),
    "another dimension": (with_column("vector", as_column(some_vectors(60, dimension=23))), "another dimension"),
    "vectors of words": (with_column("vector", pa.array([["a"] * 24] * 60)), "floating numbers"),
    "vectors that are none": (with_column("vector", pa.array(np.ones(60))), "lists of numbers"),
    "ragged vectors": (with_column("vector", pa.array([[1.0] * (24 - i % 2) for i in range(60)])), "another dimension"),
    "a gap in a vector": (with_column("vector", pa.array([[None, *[1.0] * 23]] * 60, pa.list_(pa.float32()))), "gaps"),
    "no vector": (with_column("vector", pa.array([None, *[[1.0] * 24] * 59])), "no vector"),
    "not a number": (with_column("vector", vectors_but_for(np.nan)), "row 7"),
    "infinite": (with_column("vector", vectors_but_for(np.inf)), "row 7"),
    "zeros": (with_column("vector", vectors_but_for(0)), "row 7"),
    "a gap in the row keys": (with_column("row_key", pa.array([None] * 60, pa.string())), "a gap"),
    "an unknown kind": (with_column("kind", pa.array(["study"] * 60)), "study"),
    "a region of words": (with_column("region", pa.array(["here"] * 60)), "another type"),
    "an id of one's own": (TABLE.append_column("image_id", pa.array([str(i) for i in range(60)])), "own"),
    "twice": (pa.concat_tables([TABLE, TABLE]), "twice"),
    "a name that is taken": (TABLE.append_column("score", pa.array(range(60))), "'score'|taken"),
    "a free column of another type": (with_column("age", pa.array(["old"] * 60)), "age"),
}


@pytest.mark.parametrize(("table", "told"), TABLES.values(), ids=TABLES)
def test_a_table_that_holds_no_entries(index, table, told):
    before = index.manifest
    for change in (index.add, index.update):
        with pytest.raises(InputError, match=told):
            change(table)
    assert index.manifest == before
    assert len(index) == 60


def test_an_empty_index_answers_with_nothing(tmp_path):
    empty = Index.create(tmp_path / "index", Description())
    answers = empty.search(QUERY, 5, where="modality = 'CT'", exclude_patients="p1", kinds=["slice"])
    assert (len(answers.table), answers.n_queries, answers.complete) == (0, 1, True)
    assert {"query", "rank", "image_id", "row_key", "region", "score", "complete"} <= set(answers.table.column_names)
    assert empty.add(TABLE.slice(0, 0)) == 0
    assert empty.check()["problems"] == []
    empty.compact()
    assert len(Index.open(tmp_path / "index")) == 0


def test_where_no_index_can_be_made_or_opened(index, tmp_path):
    with pytest.raises(SpecError, match="no index here"):
        Index.open(tmp_path / "nowhere")
    with pytest.raises(SpecError, match="folder of its own"):
        Index.create(index.folder, Description())
    with pytest.raises(SpecError, match="another embedding"):
        Index.open(index.folder, Description("6" * 64))
    with pytest.raises(SpecError, match="metric"):
        Index.create(tmp_path / "other", Description(), "hamming")
    with pytest.raises(SpecError, match="dimension"):
        Index.create(tmp_path / "other", Description(dimension=0))


@pytest.mark.parametrize("asked", [{}, {"where": "true", "ids": ["a"]}])
def test_a_removal_of_everything_or_nothing_is_asked_for_in_words(index, asked):
    with pytest.raises(SpecError, match="condition or by ids"):
        index.remove(**asked)
    with pytest.raises(InputError, match="not in the index"):
        index.vectors(["no such image"])
