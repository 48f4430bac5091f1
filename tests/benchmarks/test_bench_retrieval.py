"""The benchmark of retrieval compares equal things, and one slow round does not change what it tells."""

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("faiss")
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import bench_retrieval as bench


def test_both_sides_count_the_same_neighbours():
    pytest.importorskip("skimage")
    pytest.importorskip("cv2")
    runs = next(runs for name, runs in bench.feature_runs().items() if name.startswith("GLCM"))
    ours, theirs = runs["ours"](), runs["scikit-image"]()[:, :, 0]
    totals = {counts.tobytes() for counts in ours}
    assert totals == {np.ascontiguousarray(theirs[:, :, i], dtype=np.int64).tobytes() for i in range(4)}


def test_one_slow_round_changes_nothing():
    even = np.full((5, 2), 0.5)
    slow = even.copy()
    slow[3] = 50.0
    line = bench.rates_line("flat", 100, 100, {"ours": even, "bare": even, "as it comes": even})
    assert "| 1.00 | met |" in line
    assert line.endswith("+0.0 % |")
    assert bench.rates_line("flat", 100, 100, {"ours": slow, "bare": even, "as it comes": even}) == line


def test_what_is_slower_by_more_than_a_tenth_misses_the_reach():
    even = np.full((5, 2), 0.5)
    line = bench.rates_line("flat", 100, 100, {"ours": 1.2 * even, "bare": even, "as it comes": even})
    assert "| 0.83 | **missed** |" in line
    assert line.endswith("+20.0 % |")


def test_faiss_as_it_comes_is_asked_by_its_own_rule_and_ours_comes_back():
    from scanmill.retrieval.faiss_library import FAISS_FROM, faiss_module

    faiss = faiss_module()
    ours = faiss.cvar.distance_compute_blas_threshold
    search = bench.as_it_comes(lambda batch: faiss.cvar.distance_compute_blas_threshold)
    assert search(None) == FAISS_FROM
    assert faiss.cvar.distance_compute_blas_threshold == ours != FAISS_FROM


def test_turns_alternate():
    order = []
    took = bench.in_turns({"ours": lambda: order.append("ours"), "bare": lambda: order.append("bare")}, 3)
    assert order == ["ours", "bare", "bare", "ours", "ours", "bare"]
    assert {name: lines.shape for name, lines in took.items()} == {"ours": (3, 2), "bare": (3, 2)}
