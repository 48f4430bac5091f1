"""Searches against comparing everything in double precision: filters, kinds, the guard, both methods, both metrics."""

import numpy as np
import pyarrow as pa
import pytest

from image_entries import Description, assert_same_answers, matrix, some_entries, some_vectors, true_answers
from scanmill.retrieval import Index
from scanmill.retrieval import nearest as plan
from scanmill.retrieval.contents import Contents
from scanmill.retrieval.entries import as_column

ENTRIES = some_entries(1500)
QUERIES = some_vectors(9, seed=5)


@pytest.fixture(scope="module", params=["cosine", "l2"])
def index(request, tmp_path_factory):
    index = Index.create(tmp_path_factory.mktemp("indexes") / "flat", Description(), request.param)
    index.add(ENTRIES)
    return index


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """The same entries behind 38 cells."""
    index = Index.create(tmp_path_factory.mktemp("indexes") / "ivf", Description(), method="ivf")
    index.add(ENTRIES)
    assert index.info()["method"] == "ivf"
    return index


@pytest.mark.parametrize("n", [1, 9])
def test_the_nearest_of_all(index, n):
    metric = index.manifest.metric
    assert_same_answers(index.search(QUERIES[:n], 7), true_answers(ENTRIES, QUERIES[:n], 7, metric))


@pytest.mark.parametrize(
    ("where", "fits"),
    [
        ("age < 1", lambda row: row["age"] < 1),
        ("age < 9 and modality = 'CT'", lambda row: row["age"] < 9 and row["modality"] == "CT"),
        ("age >= 45", lambda row: row["age"] >= 45),
        ("region.z > 700 and region.label = 'nodule'", lambda row: (row["region"] or {"z": 0})["z"] > 700),
        ("age > 1000", lambda row: False),
    ],
)
@pytest.mark.parametrize("n", [2, 9])
def test_a_filter_loses_nothing(index, where, fits, n):
    truth = true_answers(ENTRIES, QUERIES[:n], 8, index.manifest.metric, lambda row, q: fits(row))
    assert_same_answers(index.search(QUERIES[:n], 8, where=where), truth)


def test_kinds_are_chosen(index):
    truth = true_answers(ENTRIES, QUERIES, 5, index.manifest.metric, lambda row, q: row["kind"] != "slice")
    assert_same_answers(index.search(QUERIES, 5, kinds=["series", "region"]), truth)


@pytest.mark.parametrize("most_extra", [2048, 0], ids=["more candidates", "the patient taken out"])
def test_a_query_never_sees_its_own_patient(index, most_extra, monkeypatch):
    monkeypatch.setattr(plan, "MOST_EXTRA", most_extra)
    queries = matrix(ENTRIES)[:30:4]
    own = [*ENTRIES["patient_key"].to_pylist()[:30:4]]
    own[2], own[5] = None, "nobody here"
    answers = index.search(queries, 6, exclude_patients=own)
    truth = true_answers(ENTRIES, queries, 6, index.manifest.metric, lambda row, q: row["patient_key"] != own[q])
    assert_same_answers(answers, truth)
    assert answers.of(2)["rank"][0].as_py() == 1
    assert answers.of(2)["row_key"][0].as_py() == ENTRIES["row_key"][8].as_py()
    for q in (0, 1, 3):
        assert own[q] not in answers.of(q)["patient_key"].to_pylist()


def test_a_guard_and_a_filter_that_leave_nobody(index):
    key = ENTRIES["row_key"][4].as_py()
    answers = index.search(QUERIES[:1], 3, where=f"row_key = '{key}'", exclude_patients="p1")
    assert len(answers.table) == 0
    assert answers.complete


def test_k_beyond_the_index_gives_all(index):
    answers = index.search(QUERIES[0], 2000)
    assert len(answers.table) == len(ENTRIES)
    assert len(set(answers.table["image_id"].to_pylist())) == len(ENTRIES)


def test_one_query_alone_and_in_a_batch_have_the_same_scores_to_the_bit(index):
    many = index.search(some_vectors(300, seed=6), 10)
    for q in (0, 17, 299):
        alone = index.search(some_vectors(300, seed=6)[q], 10)
        assert alone.table["image_id"].equals(many.of(q)["image_id"])
        assert alone.table["score"].equals(many.of(q)["score"])


def test_equals_stand_in_the_order_of_their_ids(tmp_path):
    index = Index.create(tmp_path / "index", Description())
    twins = some_entries(40)
    vector = matrix(twins)[:1]
    twins = twins.set_column(twins.column_names.index("vector"), "vector", some_twins(vector, 40))
    index.add(twins)
    ids = index.search(vector, 40).table["image_id"].to_pylist()
    assert ids == sorted(ids)


def some_twins(vector, n):
    from scanmill.retrieval.entries import as_column

    return as_column(np.repeat(vector, n, axis=0))


def test_cells_find_what_is_near_and_tell_how_surely(cells):
    assert cells.info()["recall_at_10"] >= 0.99
    truth = true_answers(ENTRIES, QUERIES, 10)
    found = cells.search(QUERIES, 10)
    shares = [len(set(found.of(q)["row_key"].to_pylist()) & set(keys)) / 10 for q, (keys, _) in enumerate(truth)]
    assert np.mean(shares) >= 0.95


@pytest.mark.parametrize("where", ["age < 1", "age < 9"])
def test_a_selective_filter_before_cells_is_exact(cells, where):
    most = int(where.split()[-1])
    truth = true_answers(ENTRIES, QUERIES, 10, fits=lambda row, q: row["age"] < most)
    assert_same_answers(cells.search(QUERIES, 10, where=where), truth)


def test_no_slot_stays_empty_where_cells_run_out(cells):
    """With few of few cells looked at, there are fewer than k: those queries are answered exactly."""
    master = cells._committed.state.master
    n_probes, master.n_probes = master.n_probes, 1
    found = cells.search(QUERIES, 400, where="age < 60")
    master.n_probes = n_probes
    assert len(found.table) == 9 * 400
    truth = true_answers(ENTRIES, QUERIES, 400, fits=lambda row, q: row["age"] < 60)
    assert_same_answers(found, truth)


@pytest.mark.parametrize(
    "gone", ["row_key < 'rows/r000100'", "row_key between 'rows/r000400' and 'rows/r000500'", "age = 1"]
)
def test_cells_name_the_right_entries_after_some_are_gone(gone, tmp_path):
    """Whether the numbers of the entries begin late, have a gap, or many: every entry finds itself first."""
    index = Index.create(tmp_path / "index", Description(), method="ivf")
    index.add(ENTRIES)
    assert index.remove(gone) > 10
    there = index.entries()["image_id"]
    found = index.search(index.vectors(there.to_pylist()), 1).table
    assert found["image_id"].to_pylist() == there.to_pylist()
    np.testing.assert_allclose(found["score"].to_numpy(), 1.0, atol=1e-6)


def test_rows_are_taken_from_several_pieces_as_from_one():
    words = {"word": [f"w{i}" for i in range(60)], "few": [("CT", "MR", None)[i % 3] for i in range(60)]}
    table = pa.table({"number": np.arange(60), **words, "none": pa.nulls(60, pa.string())})
    some = table.set_column(3, "none", pa.array([f"n{i}" for i in range(60)]))
    contents = Contents((), table.schema).with_added(table.slice(0, 0)).with_added(table.slice(0, 45))
    pieces = contents.with_added(some.slice(45, 10)).with_added(some.slice(55)).with_added(table.slice(0, 0))
    assert pieces.table["number"].num_chunks > 1
    rows = np.random.default_rng(4).integers(0, 60, 100)
    for chosen in (rows, rows[rows < 45], rows[:1], rows[:0]):
        whole = pieces.table.combine_chunks().take(pa.array(chosen)).drop_columns(["number"])
        assert pieces.take(chosen).to_pylist() == whole.to_pylist()


FAR = np.float32(1000)
"""Squared distances of some 20 beside squared lengths of 24 million: a matrix product in float32 tells nothing."""


@pytest.fixture(scope="module")
def far_entries():
    return some_entries(1500, vector=as_column(some_vectors(1500, seed=2) + FAR))


@pytest.mark.parametrize("where", [None, "age < 40"])
def test_vectors_far_from_zero_keep_their_neighbours(where, far_entries, tmp_path):
    index = Index.create(tmp_path / "index", Description(), "l2", method="flat")
    index.add(far_entries)
    truth = true_answers(far_entries, QUERIES + FAR, 7, "l2", lambda row, q: where is None or row["age"] < 40)
    for n in (1, 9):
        assert_same_answers(index.search(QUERIES[:n] + FAR, 7, where=where), truth[:n])


def test_the_recall_of_cells_far_from_zero_is_measured_against_the_truth(far_entries, tmp_path):
    index = Index.create(tmp_path / "index", Description(), "l2", method="ivf")
    index.add(far_entries)
    truth = true_answers(far_entries, QUERIES + FAR, 10, "l2")
    answers = index.search(QUERIES + FAR, 10)
    found = [len({*answers.of(q)["row_key"].to_pylist()} & {*keys}) / 10 for q, (keys, _) in enumerate(truth)]
    assert np.mean(found) > 0.95
    assert index.check()["recall_at_10"] > 0.98
