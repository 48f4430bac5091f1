"""What lies in an index's folder is served only where it is whole and ours."""

import json

import numpy as np
import pytest

from image_entries import Description, matrix, some_entries, some_vectors
from scanmill.errors import SpecError
from scanmill.retrieval import Index
from scanmill.retrieval import saved_master as saved

TABLE = some_entries(400)


@pytest.fixture
def index(tmp_path, monkeypatch):
    monkeypatch.setenv("SCANMILL_SITE_SECRET", "a secret of the tests, long enough")
    index = Index.create(tmp_path / "index", Description())
    index.add(TABLE)
    index.compact()
    return index


@pytest.fixture
def read(monkeypatch):
    """The FAISS files that were read."""
    import faiss

    files, real = [], faiss.read_index
    monkeypatch.setattr(faiss, "read_index", lambda path: files.append(path) or real(path))
    return files


def the_file(index):
    (path,) = index.folder.glob("*.faiss")
    return path


def same_answers(index):
    """Whether its answers are those of the entries themselves."""
    found = index.search(matrix(TABLE)[:20], 1)
    return found.table["row_key"].to_pylist() == TABLE["row_key"].to_pylist()[:20] and np.allclose(
        found.table["score"].to_numpy(), 1.0
    )


def test_a_whole_file_of_ours_is_read(index, read):
    assert same_answers(Index.open(index.folder))
    assert len(read) == 1


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-100])


def another_content(path):
    content = bytearray(path.read_bytes())
    content[-50] ^= 1
    path.write_bytes(bytes(content))


def gone(path):
    path.unlink()


def a_link(path):
    path.rename(path.with_suffix(".elsewhere"))
    path.symlink_to(path.with_suffix(".elsewhere"))


@pytest.mark.parametrize("harm", [cut_short, another_content, gone, a_link])
def test_a_harmed_file_is_made_again_and_never_read(index, read, harm):
    harm(the_file(index))
    again = Index.open(index.folder)
    assert same_answers(again)
    assert read == []
    again.compact()
    assert same_answers(Index.open(index.folder))
    assert len(read) == 1


@pytest.mark.parametrize("word", ["count", "embedding", "sha256", "seal", "n_probes"])
def test_a_record_that_was_changed_vouches_for_nothing(index, read, word):
    path = index.folder / saved.RECORD
    path.write_text(json.dumps({**json.loads(path.read_text()), word: 7}))
    assert same_answers(Index.open(index.folder))
    assert read == []


def test_a_file_of_another_site_is_not_read(index, read, monkeypatch):
    monkeypatch.setenv("SCANMILL_SITE_SECRET", "the secret of another site, as long")
    assert same_answers(Index.open(index.folder))
    assert read == []


def test_a_digest_beside_a_strangers_file_is_not_enough(index, read):
    """Who can write the folder can write a digest too, but not the seal."""
    import hashlib

    path = index.folder / saved.RECORD
    the_file(index).write_bytes(b"IxFl" + bytes(1000))
    digest = hashlib.sha256(the_file(index).read_bytes()).hexdigest()
    path.write_text(json.dumps({**json.loads(path.read_text()), "sha256": digest, "bytes": 1004}))
    assert same_answers(Index.open(index.folder))
    assert read == []


@pytest.mark.parametrize(
    ("harm", "told"), [(cut_short, "bytes instead of"), (gone, "not there"), (a_link, "not there")]
)
def test_a_segment_that_is_not_whole_is_told_by_name(index, harm, told):
    (path,) = index.folder.glob("entries-*")
    harm(path)
    with pytest.raises(SpecError, match="segment of the index is damaged") as caught:
        Index.open(index.folder)
    assert path.name in str(caught.value)
    assert told in str(caught.value)
    assert str(index.folder.parent) not in str(caught.value)
    assert any(told in problem for problem in index.check()["problems"])


def test_a_changed_segment_is_found_by_check(index):
    (path,) = index.folder.glob("entries-*")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    assert any("content has changed" in problem for problem in index.check()["problems"])
    the_file(index).unlink()
    with pytest.raises(SpecError, match="content has changed"):  # its vectors would have to come from there
        Index.open(index.folder)


def test_a_changed_segment_is_not_copied_to_a_snapshot(index, tmp_path):
    test_a_changed_segment_is_found_by_check(index)
    with pytest.raises(SpecError, match="damaged"):
        index.snapshot(tmp_path / "copy")
    assert not (tmp_path / "copy" / "index.json").exists()


MANIFESTS = {
    "nothing": "",
    "no JSON": "{",
    "a list": "[]",
    "no fields": "{}",
    "a word for a number": {"dimension": "24"},
    "a path": {"entries": [{"name": "../secret.parquet", "rows": 1, "bytes": 1, "sha256": ""}]},
    "a dimension out of bounds": {"dimension": 10**9},
    "a metric unknown": {"metric": "hamming"},
}


@pytest.mark.parametrize("content", MANIFESTS.values(), ids=MANIFESTS)
def test_a_manifest_that_is_none(index, content):
    path = index.folder / "index.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **content}) if isinstance(content, dict) else content)
    with pytest.raises(SpecError, match="cannot be read"):
        Index.open(index.folder)


def test_an_index_of_a_later_format(index):
    path = index.folder / "index.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 2}))
    with pytest.raises(SpecError, match="another format"):
        Index.open(index.folder)


def test_the_embedding_comes_back_with_its_projection(tmp_path):
    from scanmill.algorithms.features import CanonicalGrid, Embedding, Part, Projection

    embedding = Embedding(CanonicalGrid((32, 32)), (Part("hog", {"cell": 8}),))
    d = embedding.dimension
    learned = Projection("pca", np.zeros(d), np.eye(5, d), np.ones(5), embedding.features_digest, 10)
    index = Index.create(tmp_path / "index", embedding.with_projection(learned))
    assert Index.open(tmp_path / "index").embedding().digest == embedding.with_projection(learned).digest
    assert index.search(some_vectors(1, dimension=5), 3).table.num_rows == 0
    with pytest.raises(SpecError, match="another embedding"):
        Index.open(tmp_path / "index", embedding)
