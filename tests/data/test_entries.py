import numpy as np
import pytest

from scanmill.data import Entries
from scanmill.errors import InputError
from scanmill.io.npz import read_npz, write_npz
from scanmill.io.voxel_digest import voxel_digest

KINDS, LABELS = ("series", "slice", "region"), ("", "", "lesion")
BOXES = np.array([[0, 0, 0, 3, 8, 9], [1, 0, 0, 1, 8, 9], [1, 2, 3, 2, 2, 2]])


def entries(**changes):
    vectors = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    fields = {
        "vectors": vectors,
        "kinds": KINDS,
        "boxes": BOXES,
        "labels": LABELS,
        "embedding": "ab",
        "description": "{}",
    }
    return Entries(**{**fields, **changes})


def test_a_file_gives_back_the_same_and_equal_entries_give_equal_bytes(tmp_path):
    write_npz(tmp_path / "a.npz", entries())
    write_npz(tmp_path / "b.npz", entries())
    back = read_npz(tmp_path / "a.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert (back.kinds, back.labels, back.embedding, back.description) == (KINDS, LABELS, "ab", "{}")
    np.testing.assert_array_equal(back.vectors, entries().vectors)
    np.testing.assert_array_equal(back.boxes, BOXES)
    assert voxel_digest(back) == voxel_digest(entries())
    assert (
        voxel_digest(entries(embedding="cd")) != voxel_digest(back) != voxel_digest(entries(boxes=BOXES[[0, 1, 1]] + 1))
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"vectors": np.ones((3, 5))},
        {"vectors": np.full((3, 5), np.nan, np.float32)},
        {"vectors": np.ones((2, 5), np.float32)},
        {"kinds": ("series", "slice", "volume")},
        {"boxes": BOXES[:2]},
        {"boxes": BOXES - 1},
        {"kinds": ("series", "series", "region")},
        {"labels": ("", "")},
        {"vectors": np.ones((0, 5), np.float32), "kinds": (), "labels": (), "boxes": BOXES[:0]},
    ],
)
def test_entries_that_do_not_fit_together_are_refused(changes):
    with pytest.raises(InputError):
        entries(**changes)
