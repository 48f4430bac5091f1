"""A take from a piece against Arrow's own take, whatever the strings are like."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanmill.retrieval.pieces import Keys, Piece, Words

TEXTS = st.one_of(st.none(), st.text(max_size=3), st.sampled_from(["CT", "MR"]), st.just("é1"))


@given(st.data())
def test_a_take_is_arrows_take(data):
    n = data.draw(st.integers(1, 40))
    kinds = st.sampled_from([TEXTS, st.just("k1"), st.from_regex(r"[a-z]{4}", fullmatch=True)])
    lists = [data.draw(st.lists(data.draw(kinds), min_size=1)) for _ in range(3)]
    columns = [pa.array([texts[i % len(texts)] for i in range(n)], pa.string()) for texts in lists]
    start = data.draw(st.integers(0, n - 1))
    batch = pa.record_batch({**dict(zip("abc", columns, strict=True)), "number": np.arange(n)}).slice(start)
    rows = np.array(data.draw(st.lists(st.integers(0, n - start - 1), max_size=20)), dtype=np.int64)
    taken = Piece(batch).take(rows)
    taken.validate(full=True)
    assert taken.equals(batch.drop_columns(["number"]).take(pa.array(rows)))


def test_few_words_and_keys_of_one_length_are_kept_shorter():
    kept = Piece(
        pa.record_batch(
            {
                "words": ["CT", None] * 30,
                "keys": [f"{i:04d}" for i in range(60)],
                "texts": [str(i) for i in range(60)],
                "number": np.arange(60),
            }
        )
    )._columns
    assert isinstance(kept["words"], Words)
    assert isinstance(kept["keys"], Keys)
    assert kept["texts"].type == pa.string()


def test_a_column_whose_words_become_many_stays_as_it_is():
    column = pa.array(["a"] * 2000 + [f"word {i}" for i in range(300)])
    assert Words.of(column) is None


@pytest.mark.parametrize("texts", [["ab", "cd", None], ["", ""], ["ab", "c"]])
def test_no_keys(texts):
    assert Keys.of(pa.array(texts, pa.string())) is None
