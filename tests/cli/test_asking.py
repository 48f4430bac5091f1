"""A query's answers: enough rows are found however many slices each has, and what is short of it is said."""

import numpy as np
import pytest

from image_entries import DIMENSION, Description, some_entries
from scanmill.cli import asking
from scanmill.cli.open_index import OpenIndex
from scanmill.cli.query import Query
from scanmill.retrieval import Index
from scanmill.retrieval.entries import as_column

SLICES, ROWS = 300, 4


@pytest.fixture
def query():
    return Query("query", np.eye(1, DIMENSION, dtype=np.float32)[0], "slice", None, np.zeros((4, 4)))


@pytest.fixture
def index(tmp_path):
    """Row 0 is nearest with all of its slices, then row 1, and so on."""
    n = SLICES * ROWS
    rows = np.repeat(np.arange(ROWS), SLICES)
    vectors = np.zeros((n, DIMENSION), np.float32)
    vectors[:, 0], vectors[:, 1] = 1, 0.1 * (1 + rows)
    vectors[:, 2] = 1e-3 * np.random.default_rng(0).random(n)
    table = some_entries(n).drop_columns(["row_key", "kind", "vector", "region"])
    places = [{"z": int(i % SLICES), "d": 1, "label": None} for i in range(n)]
    columns = {"row_key": [f"r{row}" for row in rows], "kind": ["slice"] * n, "region": places}
    for name, column in columns.items():
        table = table.append_column(name, [column])
    made = Index.create(tmp_path / "index", Description())
    made.add(table.append_column("vector", as_column(vectors)))
    return OpenIndex((made,))


def test_rows_of_hundreds_of_slices_do_not_hide_the_others(index, query):
    found = asking.ask(index, query, 3)
    assert [line["row_key"] for line in found.lines] == ["r0", "r1", "r2"]
    assert found.notes == []
    few = asking.ask(index, query, 9)
    assert len(few.lines) == ROWS
    assert few.notes == ["4 of 9 answers: the index has no more that may answer (of 1,200 entries)"]


def test_where_the_nearest_are_of_too_few_rows_that_is_said(index, query, monkeypatch):
    monkeypatch.setattr(asking, "MOST_ASKED", 500)
    found = asking.ask(index, query, 3)
    assert [line["row_key"] for line in found.lines] == ["r0", "r1"]
    assert found.notes == ["2 of 3 answers: the 500 nearest entries are of no more rows"]


def test_a_region_is_answered_by_what_there_is_and_that_is_said(index, query):
    region = Query("query", query.vector, "region", None, query.plane)
    found = asking.ask(index, region, 2)
    assert len(found.lines) == 2
    assert found.notes == ["the index has no regions: its slices answer"]
    assert asking.ask(index, region, 2, kinds=["slice"]).notes == []
