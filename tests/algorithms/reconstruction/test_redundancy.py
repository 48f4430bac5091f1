import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanmill.algorithms.reconstruction.circle import Circle, circle_of
from scanmill.algorithms.reconstruction.redundancy import arcs_of, parker_share, ray_weights, smooth_share
from scanmill.errors import InputError, SpecError
from scanmill.geometry import ScanGeometry

COLUMNS = 41


def fan(angles_deg, *, axis_column=None, n_columns=COLUMNS):
    """Half fan angle 11.6 degrees."""
    return circle_of(
        ScanGeometry.fan(
            np.deg2rad(angles_deg),
            n_columns,
            2.0,
            source_to_isocenter=100,
            source_to_detector=200,
            axis_column=axis_column,
        )
    )


def parallel(angles_deg, *, axis_column=None):
    return circle_of(ScanGeometry.parallel(np.deg2rad(angles_deg), COLUMNS, 2.0, axis_column=axis_column))


def probe(circle: Circle, angles, columns, share):
    """The shares of any rays of the circle, measured or not, from the arcs of the real views."""
    arcs, n = arcs_of(circle.angles), len(angles)
    t = np.vstack([circle.t, np.repeat(circle.t[:1], n, axis=0)])
    rays = Circle(np.append(circle.angles, angles), t, circle.z, circle.distance, circle.spacing)
    with np.errstate(invalid="ignore"):
        shares = share(rays, arcs)[-n:][np.arange(n), columns]
    return np.where(arcs.distance_to_end(angles) > 0, shares, 0.0)


def both_shares(circle, share):
    """The shares that add up to one, of 300 random lines."""
    rng = np.random.default_rng(0)
    angles, columns = rng.uniform(0, 2 * np.pi, 300), rng.integers(0, COLUMNS, 300)
    other = angles + np.pi - 2 * circle.gamma[0, columns]
    return probe(circle, angles, columns, share) + probe(circle, other, COLUMNS - 1 - columns, share)


ARCS = {
    "full turn": [(0, 360)],
    "half turn": [(0, 180)],
    "short scan": [(10, 215)],
    "overscan": [(-30, 230)],
    "three quarters": [(0, 290)],
    "HTC2022": [(26.75, 165.25), (183.75, 254.25), (268.75, 334.25)],
    "five arcs": [(0, 50), (60, 110), (120, 200), (215, 250), (290, 340)],
}


def angles_of(arcs, step=1.0):
    return np.concatenate([np.arange(a + step / 2, b, step) for a, b in arcs])


@pytest.mark.parametrize("name", ARCS)
@pytest.mark.parametrize("make", [fan, parallel])
def test_the_shares_of_a_line_add_up_to_one(name, make):
    circle = make(angles_of(ARCS[name]))
    both = both_shares(circle, smooth_share)
    np.testing.assert_allclose(both[both > 0], 1.0, atol=1e-9)
    assert np.count_nonzero(both) > 150


def test_the_steps_of_the_views_add_up_to_the_arcs():
    arcs = arcs_of(np.deg2rad(angles_of(ARCS["HTC2022"], 0.5)))
    np.testing.assert_allclose(np.rad2deg(np.sort(arcs.length)), [65.5, 70.5, 138.5])
    assert arcs.step.sum() == pytest.approx(arcs.length.sum())


@given(st.lists(st.floats(-10, 10), min_size=3, max_size=40), st.integers(0, 5))
@settings(max_examples=80, deadline=None)
def test_any_list_of_angles_has_positive_steps_that_fill_its_arcs(angles, repeated):
    angles = np.array(angles + angles[:repeated])
    try:
        arcs = arcs_of(angles)
    except InputError:
        assert np.ptp(np.mod(angles - angles[0] + np.pi, 2 * np.pi)) < 1e-6
        return
    assert (arcs.step > 0).all()
    assert arcs.step.sum() == pytest.approx(arcs.length.sum())
    assert (arcs.distance_to_end(angles) > 0).all()


def test_uneven_steps_are_weighted_by_their_gaps_and_repeated_views_share():
    angles = np.deg2rad([0, 10, 30, 30, 40, 50])
    np.testing.assert_allclose(np.rad2deg(arcs_of(angles).step), [10, 15, 7.5, 7.5, 10, 10])
    golden = np.mod(np.arange(200) * np.pi * (np.sqrt(5) - 1), 2 * np.pi)
    assert arcs_of(golden).length == pytest.approx(2 * np.pi)


def test_a_gap_is_a_hole_when_told():
    angles = np.deg2rad([0, 10, 20, 45, 55, 65])
    assert len(arcs_of(angles).length) == 1
    assert len(arcs_of(angles, max_gap_rad=np.deg2rad(20)).length) == 2


@pytest.mark.parametrize(
    ("make", "name"), [(fan, n) for n in ARCS if n not in ("half turn",)] + [(parallel, "half turn")]
)
def test_every_line_is_counted_once_by_the_views_that_there_are(make, name):
    """Σ_β w(β, γ) + w(β, -γ) is 2π, less the measure of the lines that were never met."""
    circle = make(angles_of(ARCS[name], 0.5))
    w = ray_weights(circle)
    total = (w + w[:, ::-1]).sum(axis=0)
    fine = np.deg2rad(np.arange(0.05, 360, 0.1))
    arcs = arcs_of(circle.angles)
    expected = [
        2 * np.mean((arcs.distance_to_end(fine) > 0) | (arcs.distance_to_end(fine + np.pi - 2 * g) > 0)) * np.pi
        for g in circle.gamma[0]
    ]
    np.testing.assert_allclose(total, expected, rtol=0.01)


@pytest.mark.parametrize("share", [smooth_share, parker_share])
def test_a_short_scan_is_smooth(share):
    """No ray's share jumps from view to view, save at the one corner where lines are met twice in an instant."""
    circle = fan(angles_of([(0, 180 + 2 * 11.6 + 4)], 0.5))
    w = share(circle, arcs_of(circle.angles))
    assert w.min() >= 0
    assert w.max() <= 1
    assert np.abs(np.diff(w, axis=0))[:, 4:-4].max() < 0.2
    assert max(w[0].max(), w[-1].max()) < 0.1


def test_parker_is_his_formula_and_adds_up_to_one():
    circle = fan(angles_of([(0, 206)], 0.5))
    w = parker_share(circle, arcs_of(circle.angles))
    delta, beta, gamma = np.deg2rad(13), np.deg2rad(3.25), -circle.gamma[6, 30]
    assert w[6, 30] == pytest.approx(np.sin(np.pi / 4 * beta / (delta - gamma)) ** 2)
    np.testing.assert_allclose(ray_weights(circle), w * np.deg2rad(0.5))
    assert (ray_weights(circle, redundancy="smooth") != ray_weights(circle)).any()
    np.testing.assert_allclose(both_shares(circle, parker_share), 1.0)


@pytest.mark.parametrize("make", [fan, parallel])
def test_a_detector_off_the_middle_measures_each_line_of_its_wide_side_once(make):
    circle = make(angles_of(ARCS["full turn"]), axis_column=8)
    w = ray_weights(circle) / np.deg2rad(1.0)
    np.testing.assert_allclose(w[:, 18:], 1.0, atol=1e-9)
    np.testing.assert_allclose(w[:, :8] + w[:, 16:8:-1], 1.0, atol=1e-9)
    assert np.abs(np.diff(w, axis=1)).max() < 0.25


def test_what_it_refuses():
    with pytest.raises(InputError, match="Parker"):
        ray_weights(fan(angles_of(ARCS["full turn"])), redundancy="parker")
    with pytest.raises(SpecError, match="redundancy"):
        ray_weights(fan(angles_of(ARCS["full turn"])), redundancy="wang")
    with pytest.raises(InputError, match="two angles"):
        arcs_of(np.array([1.0, 1.0]))
