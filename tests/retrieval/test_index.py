"""An index by its promises: idempotent, one writer, many readers of whole commits, found again from its files."""

import threading

import numpy as np
import pytest

from image_entries import Description, matrix, some_entries, some_vectors
from scanmill.errors import InputError, ResourceError
from scanmill.retrieval import Index, image_id
from scanmill.retrieval.writer_lock import writer_lock

TABLE = some_entries(300)


@pytest.fixture(params=["flat", "ivf"])
def index(request, tmp_path, monkeypatch):
    """A small index of either method; few entries are enough for cells here."""
    monkeypatch.setattr("scanmill.retrieval.state.FEWEST_FOR_CELLS", 50)
    monkeypatch.setenv("SCANMILL_SITE_SECRET", "a secret of the tests, long enough")
    index = Index.create(tmp_path / "index", Description(), method=request.param)
    index.add(TABLE)
    return index


def contents(index):
    entries = index.entries()
    ids = entries["image_id"].to_pylist()
    return dict(zip(ids, index.vectors(ids).tolist(), strict=True))


def test_what_was_added_is_there_and_nothing_twice(index):
    assert (len(index), index.manifest.generation) == (300, 1)
    assert index.add(TABLE) == 0
    assert index.manifest.generation == 1
    assert index.add(some_entries(20, start=290)) == 10
    assert len(index) == 310
    first = index.entries("row_key = 'rows/r000001'").to_pylist()[0]
    assert first["image_id"] == image_id("rows/r000001", "main", "image", first["region"])
    assert first["region"]["label"] == "nodule"


def test_an_image_with_another_content_is_refused_until_it_is_an_update(index):
    other = some_entries(5, start=100, seed=1)
    with pytest.raises(InputError, match="another content"):
        index.add(other)
    assert index.manifest.generation == 1
    assert index.update(other) == 5
    assert index.update(other) == 0
    assert len(index) == 300
    ids = index.entries("row_key = 'rows/r000102'")["image_id"].to_pylist()
    expected = matrix(other)[2] / np.linalg.norm(matrix(other)[2])
    np.testing.assert_allclose(index.vectors(ids)[0], expected, rtol=1e-6)


def test_an_update_of_a_word_alone_counts(index):
    table = TABLE.set_column(TABLE.column_names.index("age"), "age", [[*TABLE["age"].to_pylist()[:-1], 999]])
    assert index.update(table) == 1
    assert index.entries("age = 999")["row_key"].to_pylist() == ["rows/r000299"]


def test_what_was_removed_is_gone(index):
    gone = index.entries("age < 30")["image_id"].to_pylist()
    assert index.remove("age < 30") == len(gone) > 50
    assert len(index) == 300 - len(gone)
    assert index.remove(ids=["no such image"]) == 0
    assert not set(gone) & set(index.search(some_vectors(4), 300).table["image_id"].to_pylist())
    assert index.add(TABLE) == len(gone)
    assert len(index) == 300


def test_it_is_found_again_with_and_without_its_faiss_file(index):
    index.remove("age < 20")
    index.update(some_entries(30, start=200, seed=2))
    before = contents(index)
    assert contents(Index.open(index.folder)) == before
    index.compact()
    assert list(index.folder.glob("*.faiss"))
    index.add(some_entries(7, start=1000))
    index.remove(ids=list(before)[:3])
    after = contents(index)
    assert len(after) == len(before) + 4
    assert contents(Index.open(index.folder)) == after
    (index.folder / "master.json").unlink()
    assert contents(Index.open(index.folder)) == after


def test_compaction_keeps_everything_and_leaves_one_segment(index):
    index.add(some_entries(9, start=500))
    index.remove("age < 40")
    before = contents(index)
    index.compact()
    assert contents(index) == before
    assert (index.info()["segments"], index.info()["removed"]) == (1, 0)
    assert len(list(index.folder.glob("entries-*"))) == 1
    assert not list(index.folder.glob("removed-*"))
    index.remove("true")
    index.compact()
    assert len(index) == len(Index.open(index.folder)) == 0
    assert index.add(TABLE) == 300


def test_a_snapshot_is_an_index_of_its_own(index, tmp_path):
    copy = index.snapshot(tmp_path / "copy")
    index.remove("true")
    assert len(copy) == 300
    assert copy.check()["problems"] == []
    copy.add(some_entries(1, start=900))
    assert len(index) == 0


def test_other_readers_follow_every_commit(index):
    reader = Index.open(index.folder)
    index.add(some_entries(5, start=600))
    assert len(reader) == 305
    index.remove("age < 50")
    assert contents(reader) == contents(index)
    index.compact()
    index.add(some_entries(5, start=700))
    assert contents(reader) == contents(index)


def test_there_is_one_writer(index):
    other = Index.open(index.folder, wait_s=0.1)
    with writer_lock(index.folder, 0.0), pytest.raises(ResourceError, match="another writer"):
        other.add(some_entries(1, start=800))
    assert other.add(some_entries(1, start=800)) == 1
    assert len(index) == 301


def test_writers_in_turn_lose_nothing(index):
    writers = [index, Index.open(index.folder)]
    for i in range(6):
        assert writers[i % 2].add(some_entries(2, start=2000 + 2 * i)) == 2
    assert contents(writers[0]) == contents(writers[1])
    assert len(writers[0]) == 312


def test_searches_see_whole_commits_while_entries_come_and_go(index):
    """Batches of ten come and go together; no search ever sees a part of one."""
    batches = [some_entries(10, start=1000 + 10 * i, batch=[i] * 10) for i in range(12)]
    seen, done = [], threading.Event()

    def look():
        reader = index if len(seen) % 2 else Index.open(index.folder)
        while not done.is_set():
            where = "batch is not null" if reader.manifest.generation > 1 else None
            found = reader.search(some_vectors(1), 1000, where=where)
            numbers = [b for b in found.table.to_pydict().get("batch", []) if b is not None]
            seen.append({n: numbers.count(n) for n in numbers})

    lookers = [threading.Thread(target=look) for _ in range(3)]
    for one in lookers:
        one.start()
    for i, batch in enumerate(batches):
        index.add(batch)
        if i % 3 == 2:
            index.remove(f"batch = {i - 1}")
        if i == 10:
            index.compact()
    done.set()
    for one in lookers:
        one.join()
    assert len(seen) > 10
    assert {count for counts in seen for count in counts.values()} <= {10}
    assert contents(Index.open(index.folder)) == contents(index)


def test_it_tells_of_itself(index):
    told = index.info()
    assert (told["entries"], told["kinds"]) == (300, {"series": 100, "slice": 100, "region": 100})
    assert (told["patients"], told["dimension"], told["metric"]) == (100, 24, "cosine")
    checked = index.check()
    assert checked["problems"] == []
    assert checked["recall_at_10"] >= 0.95


def test_small_adds_learn_no_cells_and_the_next_build_does(index, monkeypatch):
    """Cells are learned when the index is built, doubled at once, renewed or compacted; never in a small add."""
    monkeypatch.setattr("scanmill.retrieval.state.FEWEST_FOR_CELLS", 50)
    is_ivf, master = index.manifest.method == "ivf", index._committed.state.master
    for start in range(1000, 1450, 50):
        index.add(some_entries(50, start=start))
    assert index._committed.state.master is master
    told = index.info()
    assert told["entries"] == 750
    assert (told["outgrown"], told.get("learned_on", 300)) == (is_ivf, 300)
    assert index.check()["recall_at_10"] >= 0.9
    before = contents(index)
    assert index.renew() == is_ivf
    assert not index.renew()
    assert contents(index) == contents(Index.open(index.folder)) == before
    told = Index.open(index.folder).info()
    assert (told["outgrown"], told.get("learned_on", 750), told["generation"]) == (False, 750, 10)
    index.add(some_entries(800, start=5000))
    assert index.info().get("learned_on", 1550) == 1550


def test_entries_that_come_singly_are_all_compared_until_the_index_is_renewed(tmp_path, monkeypatch):
    monkeypatch.setattr("scanmill.retrieval.state.FEWEST_FOR_CELLS", 100)
    index = Index.create(tmp_path / "index", Description(), method="ivf")
    for start in range(0, 120, 30):
        index.add(some_entries(30, start=start))
    assert (index.info()["method"], index.info()["outgrown"]) == ("flat", True)
    index.compact()
    assert (index.info()["method"], index.info()["learned_on"]) == ("ivf", 120)


def test_cells_that_another_writer_has_learned_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("scanmill.retrieval.state.FEWEST_FOR_CELLS", 100)
    monkeypatch.setattr("scanmill.retrieval.committed.SAVED_AFTER", (10, 0.0))
    writer = Index.create(tmp_path / "index", Description(), method="ivf")
    for start in range(0, 150, 30):
        writer.add(some_entries(30, start=start))
    assert Index.open(writer.folder).renew()
    writer.add(some_entries(30, start=150))
    for seen in (writer, Index.open(writer.folder)):
        assert (seen.info()["method"], seen.info()["learned_on"], len(seen)) == ("ivf", 150, 180)
