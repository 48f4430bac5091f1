"""Entries of an index with seeded vectors in clusters, and the answers by comparing everything in double precision."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from scanmill.retrieval.entries import as_column

DIMENSION = 24


@dataclass(frozen=True)
class Description:
    """As much of an embedding as an index asks for."""

    digest: str = "5" * 64
    dimension: int = DIMENSION

    def to_dict(self):
        return {"made": "for tests"}


def some_vectors(n, seed=0, dimension=DIMENSION, n_clusters=40):
    chance = np.random.default_rng(seed)
    centres = np.random.default_rng(7).normal(size=(n_clusters, dimension))
    spread = chance.normal(size=(n, dimension))
    return (centres[chance.integers(0, n_clusters, n)] + 0.6 * spread).astype(np.float32)


def some_entries(n, start=0, seed=0, per_patient=3, **columns):
    """Entries ``start`` to ``start + n`` of one endless list; with another ``seed`` their vectors differ."""
    numbers = np.arange(start, start + n)
    words = {
        "row_key": [f"rows/r{i:06d}" for i in numbers],
        "stage": ["main"] * n,
        "output": ["image"] * n,
        "kind": [("series", "slice", "region")[i % 3] for i in numbers],
        "region": [None if i % 3 == 0 else {"z": int(i), "d": 1, "label": "nodule"} for i in numbers],
        "patient_key": [f"p{i // per_patient}" for i in numbers],
        "modality": [("CT", "MR")[i % 2] for i in numbers],
        "age": (numbers * 37 % 90).astype(np.int64),
    }
    vectors = np.concatenate([some_vectors(1, seed=seed * 10**7 + int(i)) for i in numbers]) if n else some_vectors(0)
    return pa.table({**words, "vector": as_column(vectors), **columns})


def matrix(table):
    return table["vector"].combine_chunks().flatten().to_numpy().reshape(len(table), -1)


def true_answers(table, queries, k, metric="cosine", fits=None):
    """(row keys, scores) of each query by brute force in float64; ``fits(row, query)`` says who may answer."""
    vectors, queries = matrix(table).astype(np.float64), np.asarray(queries, dtype=np.float64)
    if metric == "cosine":
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        queries = queries / np.linalg.norm(queries, axis=1, keepdims=True)
        scores = queries @ vectors.T
    else:
        scores = np.linalg.norm(queries[:, None] - vectors[None], axis=2)
    rows, answers = table.drop_columns(["vector"]).to_pylist(), []
    for q, line in enumerate(scores):
        order = np.argsort(-line if metric == "cosine" else line, kind="stable")
        chosen = [i for i in order if fits is None or fits(rows[i], q)][:k]
        answers.append(([rows[i]["row_key"] for i in chosen], line[chosen]))
    return answers


def assert_same_answers(answers, truth):
    assert answers.n_queries == len(truth)
    for q, (keys, scores) in enumerate(truth):
        mine = answers.of(q)
        assert mine["row_key"].to_pylist() == keys
        assert mine["rank"].to_pylist() == list(range(1, len(keys) + 1))
        np.testing.assert_allclose(mine["score"].to_numpy(), scores, rtol=2e-5, atol=2e-6)
