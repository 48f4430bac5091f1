"""Measures of retrieval against hand-worked cases, scikit-learn, every order of a short list, and SciPy's bootstrap."""

from itertools import permutations

import numpy as np
import pytest
from scipy.stats import bootstrap
from sklearn.metrics import average_precision_score, confusion_matrix
from sklearn.neighbors import KNeighborsClassifier

from scanmill.algorithms.retrieval import (
    bootstrap_interval,
    evaluate,
    evaluate_likeness,
    measures_by_chance,
    measures_of,
    ranked,
)
from scanmill.errors import InputError

RNG = np.random.default_rng(3)
VECTORS = RNG.normal(size=(60, 6)) + np.repeat(np.eye(6)[:3], 20, axis=0)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)
LABELS = np.repeat(["heart", "lung", "knee"], 20)
PATIENTS = np.array([f"p{n // 4}" for n in range(60)])
ALONE = np.arange(60)


def test_a_ranking_by_hand():
    """Relevant at ranks 1, 3 and 6 of 6: AP = (1 + 2/3 + 3/6) / 3 (Manning, Raghavan, Schütze, section 8.4)."""
    values = measures_of(np.array([1, 0, 1, 0, 0, 1], bool), ks=(1, 5, 10))
    assert values["average_precision"] == pytest.approx((1 + 2 / 3 + 3 / 6) / 3)
    assert [values[f"precision_at_{k}"] for k in (1, 5, 10)] == [1.0, 0.4, 0.3]
    assert [values[f"recall_at_{k}"] for k in (1, 5, 10)] == pytest.approx([1 / 3, 2 / 3, 1.0])


def test_average_precision_is_scikit_learns():
    for _ in range(20):
        likeness, hits = RNG.normal(size=40), RNG.uniform(size=40) < 0.3
        order = ranked(likeness, np.ones(40, bool))
        ours = measures_of(hits[order])["average_precision"]
        assert ours == pytest.approx(average_precision_score(hits, likeness), abs=1e-12)


def test_the_first_answer_is_scikit_learns_nearest_neighbour():
    found = evaluate(VECTORS, LABELS, ALONE)
    expected = []
    for n in range(60):
        rest = np.arange(60) != n
        nearest = KNeighborsClassifier(1).fit(VECTORS[rest], LABELS[rest])
        expected.append(nearest.predict(VECTORS[n : n + 1])[0])
    assert found.found.tolist() == expected
    words, counts = found.confusion()
    np.testing.assert_array_equal(counts, confusion_matrix(LABELS, expected, labels=list(words)))
    assert found.means()["precision_at_1"] == pytest.approx(np.trace(counts) / 60)


def test_a_patients_own_images_never_answer():
    """Copies of one patient's images would be perfect answers; without them the query is as good as chance."""
    x = np.eye(8)[[0, 0, 1, 1, 2, 2, 3, 3]]
    patients = list("aabbccdd")
    labels = ["x", "x", "y", "y", "x", "x", "y", "y"]
    found = evaluate(x, labels, patients, ks=(1,))
    assert found.found.tolist() == ["y", "y", "x", "x", "x", "x", "x", "x"]  # all others are alike: the first of them
    assert evaluate(x, labels, range(8), ks=(1,)).means()["precision_at_1"] == 1
    several = evaluate(VECTORS, LABELS, PATIENTS)
    assert several.means() != evaluate(VECTORS, LABELS, ALONE).means()


def test_queries_that_nobody_can_answer_are_counted_apart():
    x = np.eye(5)
    found = evaluate(x, ["a", "a", "a", "b", "c"], ["p", "q", "p", "q", "r"])
    assert (found.n_unanswerable, len(found.labels)) == (2, 3)
    with pytest.raises(InputError, match="another patient"):
        evaluate(x, list("abcde"), range(5))


@pytest.mark.parametrize("first", [None, np.array([1, 1, 1, 0, 0, 0, 0], bool), np.array([0, 0, 1, 0, 1, 0, 0], bool)])
def test_chance_is_the_mean_over_every_order(first):
    hits = np.array([1, 0, 1, 0, 0, 1, 0], bool)
    front = np.ones(7, bool) if first is None else first
    orders = [o for o in permutations(range(7)) if all(front[o[n]] for n in range(front.sum()))]
    rows = [measures_of(hits[list(order)], ks=(1, 3, 5)) for order in orders]
    expected = {name: np.mean([row[name] for row in rows]) for name in rows[0]}
    assert measures_by_chance(hits, first, ks=(1, 3, 5)) == pytest.approx(expected)


def test_modality_alone_beats_chance_and_is_reported_beside():
    kinds = np.where(LABELS == "heart", "MR", "CT")
    found = evaluate(VECTORS, LABELS, PATIENTS, modalities=kinds)
    chance = found.interval("precision_at_1", found.by_chance).mean
    modality = found.interval("precision_at_1", found.by_modality).mean
    assert chance == pytest.approx(16 / 56)
    assert modality == pytest.approx((1 + 2 * 16 / 36) / 3)


def test_queries_in_blocks_are_the_same_as_at_once(monkeypatch):
    from scanmill.algorithms.retrieval import evaluation

    whole = evaluate(VECTORS, LABELS, PATIENTS, asked=range(5, 55))
    monkeypatch.setattr(evaluation, "N_AT_ONCE", 7)
    blocks = evaluate(VECTORS, LABELS, PATIENTS, asked=range(5, 55))
    for name, values in whole.measures.items():
        np.testing.assert_array_equal(values, blocks.measures[name])
    by_hand = evaluate_likeness(VECTORS[5:55] @ VECTORS.T, LABELS[5:55], PATIENTS[5:55], LABELS, PATIENTS)
    assert by_hand.means() == whole.means()


def test_an_interval_over_lone_queries_is_scipys():
    values = (RNG.uniform(size=80) < 0.7).astype(float)
    ours = bootstrap_interval(values, np.arange(80), n_resamples=20000)
    theirs = bootstrap((values,), np.mean, n_resamples=20000, method="percentile", rng=np.random.default_rng(1))
    assert ours.mean == values.mean()
    np.testing.assert_allclose(ours[1:], theirs.confidence_interval, atol=0.02)


def test_an_interval_over_patients_is_wider_than_one_over_their_equal_queries():
    per_patient = (RNG.uniform(size=20) < 0.5).astype(float)
    values, patients = np.repeat(per_patient, 10), np.repeat(np.arange(20), 10)
    together = bootstrap_interval(values, patients)
    apart = bootstrap_interval(values, np.arange(200))
    assert together.upper - together.lower > 2.5 * (apart.upper - apart.lower)
    assert together == bootstrap_interval(values, patients)
    assert np.isnan(bootstrap_interval(values, np.zeros(200)).lower)


def test_what_cannot_be_evaluated():
    with pytest.raises(InputError, match="not a number"):
        evaluate(np.full((3, 2), np.nan), ["a"] * 3, range(3))
    with pytest.raises(InputError, match="differ in number"):
        evaluate(VECTORS, LABELS[:5], PATIENTS, asked=range(3))
    with pytest.raises(InputError, match="queries among them"):
        evaluate(VECTORS, LABELS, PATIENTS, asked=[])
    with pytest.raises(InputError, match="one answer or more"):
        evaluate(VECTORS, LABELS, PATIENTS, ks=(0,))
    with pytest.raises(InputError, match="unknown measure"):
        evaluate(VECTORS, LABELS, PATIENTS).interval("accuracy")
    with pytest.raises(InputError, match="each with its patient"):
        bootstrap_interval(np.ones(3), np.ones(2))
