"""The clone's logic, with a clone on the CPU in the GPU's place: it is used where it is right, and only there."""

import faiss
import pytest

from image_entries import Description, assert_same_answers, some_entries, some_vectors, true_answers
from scanmill.errors import ResourceError, SpecError
from scanmill.retrieval import Index, gpu

TABLE = some_entries(300)
QUERIES = some_vectors(6, seed=4)


class Clone:
    """As FAISS's on a GPU; ``deaf`` to filters, as it once was."""

    def __init__(self, index, *, deaf=False, mute=False):
        self.index, self.deaf, self.mute, self.asked = faiss.clone_index(index), deaf, mute, []

    def search(self, queries, k, params):
        if self.mute and params.sel is not None:
            raise RuntimeError("no selectors here")
        self.asked.append((k, params.sel is not None))
        if self.deaf:
            params = None
        return self.index.search(queries, k, params=params)


@pytest.fixture(params=["sound", "deaf", "mute"])
def clones(request, monkeypatch):
    made = []
    knobs = {} if request.param == "sound" else {request.param: True}
    monkeypatch.setattr(gpu, "clone_of", lambda index, device: made.append(Clone(index, **knobs)) or made[-1])
    return request.param, made


def test_answers_are_the_same_and_a_filter_is_used_only_where_it_works(clones, tmp_path):
    kind, made = clones
    Index.create(tmp_path / "index", Description()).add(TABLE)
    index = Index.open(tmp_path / "index", device="cuda:0")
    assert_same_answers(index.search(QUERIES, 5), true_answers(TABLE, QUERIES, 5))
    truth = true_answers(TABLE, QUERIES, 5, fits=lambda row, q: row["age"] < 60)
    assert_same_answers(index.search(QUERIES, 5, where="age < 60"), truth)
    (clone,) = made
    searches = [filtered for k, filtered in clone.asked if k == 9]
    assert searches == ([False, True] if kind == "sound" else [False])


def test_after_a_change_there_is_a_new_clone(clones, tmp_path):
    _, made = clones
    Index.create(tmp_path / "index", Description()).add(TABLE)
    index = Index.open(tmp_path / "index", device="cuda:0")
    index.search(QUERIES, 5)
    index.remove("age < 30")
    truth = true_answers(TABLE, QUERIES, 5, fits=lambda row, q: row["age"] >= 30)
    assert_same_answers(index.search(QUERIES, 5), truth)
    assert len(made) == 2


def test_without_a_gpu_it_is_said(tmp_path):
    Index.create(tmp_path / "index", Description()).add(TABLE)
    with pytest.raises(SpecError, match="unknown device"):
        Index.open(tmp_path / "index", device="cuba").search(QUERIES, 5)
    if not hasattr(faiss, "StandardGpuResources"):
        with pytest.raises(ResourceError, match="no GPU support"):
            Index.open(tmp_path / "index", device="cuda:0").search(QUERIES, 5)


@pytest.mark.gpu
def test_on_a_gpu(tmp_path):
    if not hasattr(faiss, "StandardGpuResources") or not faiss.get_num_gpus():
        pytest.skip("needs FAISS for GPUs and a GPU")
    for method in ("flat", "ivf"):
        Index.create(tmp_path / method, Description(), method=method).add(some_entries(3000))
        index = Index.open(tmp_path / method, device="cuda:0")
        truth = true_answers(some_entries(3000), QUERIES, 5, fits=lambda row, q: row["age"] < 60)
        assert_same_answers(index.search(QUERIES, 5, where="age < 60"), truth)
