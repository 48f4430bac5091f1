"""`cohort.mean`: any grouping of partials gives numpy's mean and standard deviation."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanmill.data import Volume
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry
from scanmill.steps.table import find_step

STEP = find_step("cohort.mean")
GRID = VolumeGeometry((2, 3, 4), (1.0, 2.0, 3.0), (5.0, 6.0, 7.0))
IMAGES = [Volume(np.random.default_rng(i).normal(1000, 1, GRID.shape).astype("f4"), GRID, "HU") for i in range(9)]


def tree(items, cuts):
    """Combine the partials in the groups that the cuts make, then the groups."""
    bounds = [0, *sorted(cuts), len(items)]
    groups = [items[a:b] for a, b in pairwise(bounds) if b > a]
    combine = STEP.reduction.combine
    return combine([combine(group) for group in groups])


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.lists(st.integers(1, 8), max_size=4), st.permutations(range(9)))
def test_any_grouping_is_numpys(cuts, order):
    params = STEP.params()
    partials = [STEP.reduction.lift({"image": (IMAGES[i],)}, params) for i in order]
    output = STEP.reduction.finish(tree(partials, cuts), params)
    stack = np.stack([image.array for image in IMAGES]).astype(np.float64)
    mean, sd = output.values["mean"], output.values["sd"]
    np.testing.assert_allclose(mean.array, stack.mean(0), rtol=1e-7)
    np.testing.assert_allclose(sd.array, stack.std(0, ddof=1), rtol=1e-5)
    assert mean.geometry.is_close(GRID)
    assert (mean.unit, output.metrics["n_images"]) == ("HU", 9)


def test_a_partial_survives_a_file(tmp_path):
    partial = STEP.reduction.lift({"image": IMAGES[0]}, STEP.params())
    np.savez(tmp_path / "p.npz", **partial)
    with np.load(tmp_path / "p.npz", allow_pickle=False) as file:
        again = dict(file)
    output = STEP.reduction.finish(STEP.reduction.combine([again, partial]), STEP.params())
    assert output.metrics["n_images"] == 2
    np.testing.assert_array_equal(output.values["sd"].array, 0)


def test_another_grid_is_refused():
    other = Volume(IMAGES[0].array, VolumeGeometry((2, 3, 4)), "HU")
    partials = [STEP.reduction.lift({"image": image}, STEP.params()) for image in (IMAGES[0], other)]
    with pytest.raises(InputError, match="different grids"):
        STEP.reduction.combine(partials)
