"""Arcs of one scan, cut, shuffled and overlapped, must give the scan back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanmill.algorithms.preparation import merge_views
from scanmill.data import Projections
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry
from scanmill.phantoms import random_phantom

FAR = {"source_to_isocenter": 410.66, "source_to_detector": 553.74}


def fan(angles_deg, n_columns=32, **changes):
    return ScanGeometry.fan(np.deg2rad(angles_deg), n_columns, 5.0, **{**FAR, **changes})


def project(angles_deg, **changes):
    return random_phantom(1).projections(fan(angles_deg, **changes))


@settings(max_examples=25, deadline=None)
@given(
    start=st.integers(-720, 720),
    n_views=st.integers(3, 720),
    cuts=st.lists(st.tuples(st.integers(0, 719), st.integers(1, 200)), max_size=5),
    seed=st.integers(0, 99),
)
def test_overlapping_shuffled_arcs(start, n_views, cuts, seed):
    """Half-degree steps from anywhere; every arc overlaps the whole, whose views come in random order."""
    degrees = start + 0.5 * np.arange(n_views)
    values = np.arange(n_views, dtype=np.float64)
    rng = np.random.default_rng(seed)
    parts, n_all = [], 0
    for chosen in [rng.permutation(n_views), *(np.arange(a, min(a + n, n_views)) for a, n in cuts)]:
        if len(chosen):
            scan = fan(degrees[chosen], n_columns=1)
            noise = 0 if len(parts) == 0 else 1.0
            parts.append(Projections(np.full((len(chosen), 1, 1), noise) + values[chosen, None, None], scan))
            n_all += len(chosen)
    merged = merge_views(parts)
    assert merged.n_duplicates == n_all - n_views
    geometry = merged.projections.geometry
    steps = np.diff(np.unwrap(geometry.angles))
    np.testing.assert_allclose(steps, np.deg2rad(0.5), atol=1e-9)
    found = merged.projections.array[:, 0, 0]
    again = sum((np.isin(np.arange(n_views), np.arange(a, a + n)).astype(float) for a, n in cuts), np.zeros(n_views))
    expected = values + again / (1 + again)
    begin = int(np.argmin(np.abs((geometry.angles[0] - np.deg2rad(degrees) + np.pi) % (2 * np.pi) - np.pi)))
    np.testing.assert_allclose(found, np.roll(expected, -begin), atol=1e-9)
    if n_views < 719:
        assert begin == 0


def test_the_merged_scan_projects_to_the_merged_array():
    whole = project(np.arange(0, 275, 2.5))
    parts = [whole.views(slice(60, 110)), whole.views(slice(0, 40)), whole.views(slice(30, 80))]
    merged = merge_views(parts)
    assert merged.n_duplicates == 30
    assert merged.projections.geometry.is_close(whole.geometry)
    np.testing.assert_array_equal(merged.projections.array, whole.array)
    assert merged.projections.array.dtype == np.float32


def test_duplicates_lower_the_noise():
    scan, rng = fan([0.0, 10.0]), np.random.default_rng(0)
    parts = [Projections(rng.standard_normal(scan.shape), scan, photons=10.0) for _ in range(100)]
    merged = merge_views(parts).projections
    assert merged.array.shape == scan.shape
    assert merged.array.std() == pytest.approx(0.1, rel=0.3)
    assert merged.photons == 10.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_columns": 33}, "detectors differ"),
        ({"source_to_detector": 600.0}, "detectors differ"),
        ({"axis_column": 12.0}, "differ"),
    ],
)
def test_another_detector_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        merge_views([project([0.0, 1.0]), project([1.0, 2.0], **changes)])


def test_other_quantities_and_fields_are_refused():
    scan = fan([0.0, 1.0])
    ones, field = np.ones(scan.shape), np.ones((1, 32))
    counts = Projections(ones, scan, "counts", dark=0 * field, flat=field)
    with pytest.raises(InputError, match="quantities"):
        merge_views([counts, Projections(ones, scan)])
    with pytest.raises(InputError, match="fields differ"):
        merge_views([counts, Projections(ones, scan, "counts", dark=0 * field, flat=2 * field)])
    with pytest.raises(InputError, match="nothing"):
        merge_views([])


def test_whole_counts_are_averaged_as_fractions():
    scan = fan([0.0, 1.0], n_columns=1)
    parts = [Projections(np.full(scan.shape, value, np.uint16), scan, "counts") for value in (3, 4)]
    np.testing.assert_array_equal(merge_views(parts).projections.array, 3.5)
